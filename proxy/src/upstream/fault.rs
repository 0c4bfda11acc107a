//! placeholder until the engine lands
use crate::{error::{Code, Error}, translate::NativeResponse, upstream::provider::Provider};
pub fn fault(provider: &'static Provider, response: &NativeResponse) -> Error { Error::new(Code::BadGateway, format!("{} {}", provider.name, response.status)) }
pub fn existing_id(_provider: &'static Provider, _response: &NativeResponse) -> Option<String> { None }
