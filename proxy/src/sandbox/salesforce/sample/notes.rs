//! Notes on accounts.

use crate::sandbox::salesforce::state::State;

pub(super) fn load(_state: &mut State, _accounts: &[String]) {}
