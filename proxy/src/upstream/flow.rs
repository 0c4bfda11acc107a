//! The way of a native answer to its translator while it is read, and of what becomes of it to the caller.

use super::{client, join::Leading, provider::Provider, wire::native_response};
use crate::{
    error::Error,
    outlet::Outlet,
    translate::{NativeResponse, Translator},
};

/// An answer begins to flow when so many of its bytes are there; smaller ones are read to their end first, as errors can
/// be told properly until then.
pub(super) const FLOWS_FROM: usize = 32 * 1024;
/// What has come of an answer is told in one go, which wakes the caller once; but when so many bytes of his answer are
/// there, he is told them, whatever else has come.
const TOLD_FROM: usize = 128 * 1024;

/// What a native answer is made into while it is read.
pub struct Flow<'a> {
    provider: &'static Provider,
    translator: &'a mut (dyn Translator + 'a),
    outlet: &'a Outlet,
    /// The read is one that others may follow, until it flows.
    pub(super) leading: Option<Leading<'a>>,
    has_begun: bool,
    /// Bytes of the answer that the caller can be told.
    ready: usize,
    /// Why the translator cannot go on.
    failure: Option<Error>,
}

impl std::fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("has_begun", &self.has_begun)
            .finish_non_exhaustive()
    }
}

impl<'a> Flow<'a> {
    pub fn new(
        provider: &'static Provider,
        translator: &'a mut (dyn Translator + 'a),
        outlet: &'a Outlet,
    ) -> Self {
        Self {
            provider,
            translator,
            outlet,
            leading: None,
            has_begun: false,
            ready: 0,
            failure: None,
        }
    }

    /// Whether the translator was given what was read, so that there is no way back.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether it has come so far, and why it cannot go on, if it cannot.
    pub fn end(self) -> (bool, Option<Error>) {
        (self.has_begun, self.failure)
    }

    /// Whether it is the caller who is waited for.
    pub(super) fn waits_for_caller(&self) -> bool {
        self.outlet.waits_for_caller()
    }

    /// Begins, unless somebody else waits for the whole of the answer.
    pub(super) fn begin(&mut self, head: &client::Response) -> bool {
        if let Some(leading) = self.leading.take()
            && let Err(leading) = leading.leave()
        {
            self.leading = Some(leading);
            return false;
        }
        self.has_begun = true;
        let head: NativeResponse = native_response(self.provider, head);
        self.failure = self.translator.begins(&head).err();
        true
    }

    /// Gives the translator what was read. False where it makes no sense to read on.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.failure.is_some() {
            return false;
        }
        match self.translator.feed(bytes) {
            Ok(ready) => {
                self.ready = ready;
                true
            }
            Err(error) => {
                self.failure = Some(error);
                false
            }
        }
    }

    /// Whether the caller is to be told what there is before more is made of it.
    pub(super) fn is_full(&self) -> bool {
        self.ready >= TOLD_FROM
    }

    /// Tells the caller what there is, once he has taken what he was told before.
    pub(super) async fn tell(&mut self) {
        if std::mem::take(&mut self.ready) > 0 {
            self.outlet.put(self.translator.hand_on().into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        generated::API,
        translate::{Answer, Recent, Step},
    };

    /// Tells what it is fed.
    #[derive(Debug, Default)]
    struct Echo(Vec<u8>);

    impl Translator for Echo {
        fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
            Ok(Step::Calls(Vec::new()))
        }

        fn resume(&mut self, _responses: Vec<NativeResponse>) -> Result<Step, Error> {
            Ok(Step::Calls(Vec::new()))
        }

        fn feed(&mut self, body: &[u8]) -> Result<usize, Error> {
            if body == b"wrong" {
                return Err(Error::bad_gateway("wrong"));
            }
            self.0.extend_from_slice(body);
            Ok(self.0.len())
        }

        fn hand_on(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.0)
        }

        fn flowed(&mut self, _response: &NativeResponse) -> Result<Answer, Error> {
            Err(Error::bad_gateway("nobody asked for the end"))
        }
    }

    #[tokio::test]
    async fn what_was_fed_is_told_in_one_go() {
        let (mut echo, outlet) = (Echo::default(), Outlet::default());
        let mut flow = Flow::new(API.providers[0], &mut echo, &outlet);
        flow.tell().await;
        assert_eq!(outlet.take(), None, "nothing is there to tell");
        assert!(flow.feed(b"one, ") && flow.feed(b"two"));
        assert!(!flow.is_full());
        assert_eq!(outlet.take(), None);
        flow.tell().await;
        assert_eq!(outlet.take().unwrap(), "one, two");
        flow.tell().await;
        assert_eq!(outlet.take(), None, "nothing is told twice");

        assert!(flow.feed(&vec![b'x'; TOLD_FROM - 1]) && !flow.is_full());
        assert!(flow.feed(b"x") && flow.is_full());
        flow.tell().await;
        assert_eq!(outlet.take().unwrap().len(), TOLD_FROM);
        assert!(!flow.is_full());

        assert!(flow.feed(b"three"));
        assert!(!flow.feed(b"wrong") && !flow.feed(b"four"));
        assert_eq!(flow.end().1.unwrap().message, "wrong");
        assert_eq!(echo.0, b"three", "what is not told is the translator's");
    }
}
