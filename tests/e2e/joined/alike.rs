//! Joined or alone, the answer is the same to the byte: random mixes of ids that are there, gone, merged, of another
//! form or another object, once and several times, with fields of the caller's own.

use crosswalk_tests::{Answer, Sandbox};
use serde_json::{Value, json};

use super::{PROVIDERS, at_once, both, create_contacts, native, reads, slow, target};

/// Numbers that look random and are the same for a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % most
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Ids of every kind.
fn ids(sandbox: &Sandbox, provider: &str) -> Vec<String> {
    let mut ids = create_contacts(sandbox, provider, 12);
    let gone = |method: &str, target: &str, body: Option<&Value>| {
        let answer = native(sandbox, provider, method, target, body);
        assert!(answer.status < 300, "{target}: {}", answer.text);
    };
    if provider == "hubspot" {
        gone(
            "DELETE",
            &format!("/crm/objects/2026-09/contacts/{}", ids[0]),
            None,
        );
        let merge = json!({"primaryObjectId": ids[1], "objectIdToMerge": ids[2]});
        gone("POST", "/crm/objects/2026-09/contacts/merge", Some(&merge));
        ids.extend(["999999999", "0", "abc", "007", "a%2Fb", "%2E%2E"].map(str::to_owned));
        ids.push(format!("0{}", ids[3]));
    } else {
        gone(
            "DELETE",
            &format!("/services/data/v59.0/sobjects/Contact/{}", ids[0]),
            None,
        );
        // 15 characters, and another case.
        ids.push(ids[3][..15].to_owned());
        ids.push(ids[4].to_lowercase());
        ids.push(ids[4].to_uppercase());
        // None that is there, of another object, and no ids.
        for id in [
            "003000000000001",
            "001000000000001AAA",
            "abc",
            "003000000000001ZZZ",
            "a%2Fb",
        ] {
            ids.push(id.to_owned());
        }
    }
    ids
}

fn query(provider: &str, chance: &mut Chance) -> &'static str {
    let hubspot = [
        "",
        "",
        "",
        "?fields=jobtitle",
        "?fields=jobtitle,city",
        "?fields=nobody_knows_it",
        "?fields=a%20b",
    ];
    let salesforce = [
        "",
        "",
        "",
        "?fields=Title",
        "?fields=Title,Department",
        "?fields=Nobody__c",
        "?fields=a%20b",
    ];
    if provider == "hubspot" {
        chance.of::<&str>(&hubspot)
    } else {
        chance.of::<&str>(&salesforce)
    }
}

/// An answer without what no two answers have in common.
fn told(answer: &Answer) -> (u16, String) {
    if answer.status == 200 {
        return (200, answer.text.clone());
    }
    let mut body = answer.body.clone();
    body["request_id"] = Value::Null;
    if body["provider"].is_object() {
        body["provider"]["correlation_id"] = Value::Null;
    }
    (answer.status, body.to_string())
}

#[test]
fn joined_or_alone_the_answer_is_the_same() {
    let sandbox = Sandbox::start();
    let [joined, alone] = both(&sandbox);
    let mut saved = 0;
    for provider in PROVIDERS {
        let ids = ids(&sandbox, provider);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        // All that there is to compare with, asked for one by one.
        for round in 0..10 {
            let targets: Vec<String> = (0..40)
                .map(|_| {
                    let entity = if chance.below(12) == 0 {
                        "account"
                    } else {
                        "contact"
                    };
                    let id = chance.of(&ids);
                    let query = query(provider, &mut chance);
                    format!("{}{query}", target(id).replace("contact", entity))
                })
                .collect();
            let expected: Vec<(u16, String)> = targets
                .iter()
                .map(|target| told(&alone.call(provider, "GET", target, None)))
                .collect();
            let singles = reads(&sandbox, provider).len();
            slow(&sandbox, provider, 40);
            let answers = at_once(&joined, provider, &targets);
            sandbox.control(provider, "DELETE", "/_sandbox/faults", None);
            saved += singles.saturating_sub(reads(&sandbox, provider).len());
            for ((target, expected), (answer, _)) in targets.iter().zip(&expected).zip(&answers) {
                assert_eq!(
                    &told(answer),
                    expected,
                    "{provider}, round {round}: {target}"
                );
            }
        }
    }
    assert!(
        saved > 200,
        "only {saved} calls were saved: hardly anything was joined"
    );
    eprintln!("{saved} calls were saved");
}
