//! One translator, again and again, with nothing around it: for `cargo xtask bench --instructions`, which counts what the
//! processor does for it, and for a look at it by `perf`.
//!
//!     translate hubspot crm.contact.get 101 answer.json 1000
//!
//! The provider's answer comes from a file. `-` stands for no id.

use std::{env, fs, hint::black_box, process::ExitCode, sync::Arc};

use bytes::Bytes;
use crosswalk::{
    generated::API,
    route::UnifiedRequest,
    translate::{ConnectionSettings, Context, CursorKey, NativeResponse, Recent, Step},
};
use jiff::Timestamp;

/// An answer as large as this is translated while it comes, as the engine does, and comes in such pieces.
const FLOWS_FROM: usize = 32 * 1024;
const PIECE: usize = 16 * 1024;

type Failure = Box<dyn std::error::Error>;

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [provider, operation, id, file, count] = arguments.as_slice() else {
        return Err("usage: translate <provider> <operation> <id> <answer> <count>".into());
    };
    let provider = API.provider(provider).ok_or("an unknown provider")?;
    let route = API.routes.iter().find(|route| route.operation == operation);
    let operation = route.ok_or("an unknown operation")?.operation;
    let family = provider.versions.families.first();
    let roots = family.ok_or("no versions")?.roots.iter();
    let connection = Arc::new(ConnectionSettings {
        id: "bench".to_owned(),
        roots: roots
            .map(|root| root.replace("{version}", provider.versions.default))
            .collect(),
        cursor_key: CursorKey([1; 32]),
    });
    let path = (id != "-").then(|| ("id", id.clone()));
    let request = UnifiedRequest {
        path: path.into_iter().collect(),
        query: Vec::new(),
        body: Bytes::new(),
    };
    let response = NativeResponse {
        status: 200,
        body: fs::read(file)?.into(),
        date: None,
        correlation_id: None,
        parts: Vec::new(),
    };
    for _ in 0..count.parse()? {
        let context = Context {
            provider,
            operation,
            connection: Arc::<ConnectionSettings>::clone(&connection),
            now: Timestamp::UNIX_EPOCH,
            hidden: Arc::default(),
            objects: Arc::default(),
            fields: None,
        };
        let mut translator = (API.translator)(operation, context, &request)?;
        let Step::Calls(_) = translator.start(&Recent::default())? else {
            return Err("it asks the provider nothing".into());
        };
        if translator.flows() && response.body.len() >= FLOWS_FROM {
            translator.begins(&response)?;
            for piece in response.body.chunks(PIECE) {
                if translator.feed(piece)? > 0 {
                    black_box(translator.hand_on());
                }
            }
            black_box(translator.flowed(&response)?);
            continue;
        }
        let Step::Answer(answer) = translator.resume(vec![response.clone()])? else {
            return Err("one answer is not enough for it".into());
        };
        black_box(answer);
    }
    Ok(())
}
