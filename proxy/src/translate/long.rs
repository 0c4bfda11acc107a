//! Reads whose addresses are longer than the provider takes.
//!
//! A provider that bundles calls has their addresses in the body of the bundle, where there is room. A read that is too
//! long goes as the only part of a bundle; the translator that wanted it does not notice.

use super::{
    Answer, Context, MatchKey, NativeRequest, NativeResponse, Recent, Step, Translator, Written,
    bundle::BundleForm,
};
use crate::{
    error::Error,
    upstream::provider::{Effect, NativeOperation},
};

/// How long addresses are sent.
#[derive(Debug)]
pub struct LongForm {
    pub bundle: &'static BundleForm,
    /// The bundle's operation, where its parts only read.
    pub operation: &'static NativeOperation,
    /// Addresses of more characters go in a bundle.
    pub over: usize,
}

/// A translator whose long reads go in bundles.
pub struct Long {
    inner: Box<dyn Translator>,
    cx: Context,
    form: &'static LongForm,
    /// Which of the calls under way are bundles of this one's making; empty where none is.
    wrapped: Vec<bool>,
}

impl std::fmt::Debug for Long {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Long")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl Long {
    /// The same translator, with its long reads in bundles.
    pub fn around(
        cx: Context,
        form: &'static LongForm,
        inner: Box<dyn Translator>,
    ) -> Box<dyn Translator> {
        Box::new(Self {
            inner,
            cx,
            form,
            wrapped: Vec::new(),
        })
    }

    fn wrap(&mut self, step: Step) -> Step {
        let Step::Calls(requests) = step else {
            return step;
        };
        let is_long = |request: &NativeRequest| {
            request.operation.effect == Effect::Read && request.target.len() > self.form.over
        };
        if !requests.iter().any(is_long) {
            return Step::Calls(requests);
        }
        self.wrapped = requests.iter().map(is_long).collect();
        let wrapped = requests.into_iter().zip(&self.wrapped);
        Step::Calls(
            wrapped
                .map(|(request, is_wrapped)| {
                    if *is_wrapped {
                        self.bundle(request)
                    } else {
                        request
                    }
                })
                .collect(),
        )
    }

    fn bundle(&self, request: NativeRequest) -> NativeRequest {
        let freshness = request.freshness;
        let bundle = self
            .form
            .bundle
            .request(&self.cx, &[("read", request)], false);
        NativeRequest {
            operation: self.form.operation,
            freshness,
            ..bundle
        }
    }
}

impl Translator for Long {
    fn keys(&self) -> &[MatchKey] {
        self.inner.keys()
    }

    fn written_keys(&self) -> Vec<MatchKey> {
        self.inner.written_keys()
    }

    fn looks_back(&self) -> bool {
        self.inner.looks_back()
    }

    fn left_behind(&self) -> Option<Written> {
        self.inner.left_behind()
    }

    fn start(&mut self, recent: &Recent) -> Result<Step, Error> {
        let step = self.inner.start(recent)?;
        Ok(self.wrap(step))
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        let wrapped = std::mem::take(&mut self.wrapped);
        if wrapped.is_empty() {
            let step = self.inner.resume(responses)?;
            return Ok(self.wrap(step));
        }
        let mut unwrapped = Vec::with_capacity(responses.len());
        for (response, is_wrapped) in responses.into_iter().zip(wrapped) {
            // A bundle that is refused as a whole is refused as its part would be.
            if is_wrapped && response.is_success() {
                let parts = self.form.bundle.responses(&response, 1)?;
                unwrapped.extend(parts.into_owned());
            } else {
                unwrapped.push(response);
            }
        }
        let step = self.inner.resume(unwrapped)?;
        Ok(self.wrap(step))
    }

    /// The answer to a bundle has to be taken apart first.
    fn flows(&self) -> bool {
        self.inner.flows() && !self.wrapped.contains(&true)
    }

    fn begins(&mut self, response: &NativeResponse) -> Result<(), Error> {
        self.inner.begins(response)
    }

    fn feed(&mut self, body: &[u8]) -> Result<usize, Error> {
        self.inner.feed(body)
    }

    fn hand_on(&mut self) -> Vec<u8> {
        self.inner.hand_on()
    }

    fn flowed(&mut self, response: &NativeResponse) -> Result<Answer, Error> {
        self.inner.flowed(response)
    }

    fn failed(&self, error: Error) -> Error {
        self.inner.failed(error)
    }
}
