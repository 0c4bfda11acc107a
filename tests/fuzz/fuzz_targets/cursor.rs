//! Cursors: what we wrote is read back as it was; what anybody else wrote is refused, and so is ours after any change.
#![no_main]

use arbitrary::Arbitrary;
use crosswalk::{
    generated::API,
    translate::cursor::{Position, Span, decode, encode},
};
use crosswalk_fuzz::context;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    forged: &'a str,
    full: bool,
    since: Option<i64>,
    from: i64,
    list: u8,
    token: Option<&'a str>,
    after: Option<&'a str>,
    ahead: Option<i64>,
    flip: u16,
}

fuzz_target!(|input: Input<'_>| {
    let cx = context(API.providers[0], "crm.account.list");
    assert!(
        decode(&cx, input.forged).is_err(),
        "a forged cursor was taken"
    );
    let span = if input.full {
        Span::Full { since: input.since }
    } else {
        Span::Changes {
            from: input.from,
            to: input.since,
        }
    };
    let position = Position {
        span,
        list: input.list,
        token: input.token.map(str::to_owned),
        after: input.after.map(str::to_owned),
        ahead: input.ahead,
    };
    let text = encode(&cx, &position);
    match decode(&cx, &text) {
        Ok(found) => assert_eq!(found, position),
        Err(_) => assert!(text.len() > 4096, "our own cursor was refused"),
    }
    // One bit of one character, as far as it stays what a query can hold.
    let mut bytes = text.into_bytes();
    let at = usize::from(input.flip) / 8 % bytes.len();
    bytes[at] ^= 1 << (input.flip % 7);
    if let Ok(changed) = String::from_utf8(bytes) {
        assert!(decode(&cx, &changed).is_err(), "a changed cursor was taken");
    }
    for (provider, operation) in [
        (API.providers[0], "crm.contact.list"),
        (API.providers[1], "crm.account.list"),
    ] {
        let other = context(provider, operation);
        let text = encode(&cx, &position);
        assert!(
            decode(&other, &text).is_err(),
            "a cursor of another list was taken"
        );
    }
});
