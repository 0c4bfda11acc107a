//! Which functions a proxy really runs, and so where the linker is to put them.
//!
//! A linker lays functions out as they come, so that the few that run are spread over all of the program. The system
//! maps what surrounds each that is touched, and the processor fetches from pages that hold little else. Side by side
//! they take a fifth of the memory. What runs is told by callgrind: a start with a store, a rest, and each of the calls
//! that are measured. `proxy/build.rs` has the linker use what is written here.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

use tokio::runtime;

use crate::{
    Failure,
    arguments::Arguments,
    load::Crowd,
    rows::{say, unified_calls},
    sidecar::{Home, Log, connections},
    stub::{Identity, Speaks, Stub},
};

/// How often each call is made: enough to tell what each needs from what is done once.
const TIMES: usize = 8;
/// How long a start is left alone, so that what is done by and by belongs to it.
const REST: Duration = Duration::from_secs(12);
/// Of a generic function all that were made of it have one name, but for a hash. Those that are many and large go to the
/// end: little of them is used.
const MANY: usize = 4;
const LARGE: u64 = 20_000;

/// Writes the linker's script for a binary, which must have its symbols.
pub(crate) fn write(arguments: &Arguments, script: &Path) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let counted = folder.path().join("callgrind.out");
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let name = arguments.binary.file_name().ok_or("expected a binary")?;
    let name = name.to_string_lossy();
    let (start, calls) = runtime.block_on(observe(arguments, &counted, &name))?;
    let symbols = symbols(&arguments.binary)?;
    let text = text(&symbols, calls.iter().chain(&start));
    fs::write(script, text)?;
    say(&format!(
        "{} functions of a start and {} of calls, written to {}",
        start.len(),
        calls.len(),
        script.display()
    ));
    Ok(())
}

/// The functions of a start, and those of calls; in each what counts most goes first.
async fn observe(
    arguments: &Arguments,
    counted: &Path,
    name: &str,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let stub = Stub::start(Speaks::default(), &Identity::new()?)?;
    let home = Home::new(&arguments.binary, None, Log::Calls, &connections(&stub))?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--demangle=no", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", counted.display()));
    let mut process = home.serve_under(valgrind)?;
    say("left alone, as a process without work is");
    tokio::time::sleep(REST).await;
    let id = process.id().to_string();
    dump(&id, "start")?;
    say("making calls");
    let mut crowd = Crowd::connect(home.address, 1).await?;
    for call in unified_calls() {
        for _ in 0..TIMES {
            crowd.ask(&call).await?;
        }
    }
    // Not left to its end, which is cut short where it takes long.
    dump(&id, "calls")?;
    process.end();
    let start = dumped(&counted.with_extension("out.1"))?;
    let calls = dumped(&counted.with_extension("out.2"))?;
    Ok((functions(&start, name), functions(&calls, name)))
}

fn dump(process: &str, hint: &str) -> Result<(), Failure> {
    let output = Command::new("callgrind_control")
        .args([&format!("--dump={hint}"), process])
        .output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("callgrind_control: {}", output.status).into())
    }
}

/// What was counted up to a dump, which must have come to its end.
fn dumped(path: &Path) -> Result<String, Failure> {
    let told = fs::read_to_string(path)?;
    if told.contains("\ntotals: ") {
        Ok(told)
    } else {
        Err(format!("{} is cut off", path.display()).into())
    }
}

/// The functions of an object that a file of callgrind's tells of, the most expensive first.
fn functions(told: &str, object: &str) -> Vec<String> {
    let mut costs: HashMap<&str, u64> = HashMap::new();
    let (mut is_ours, mut function, mut is_of_callee) = (false, "", false);
    for line in told.lines() {
        if let Some(path) = line.strip_prefix("ob=") {
            // Of what an earlier script has put into a section of its own, callgrind does not know whose it is.
            is_ours = path == "???" || path.rsplit('/').next() == Some(object);
        } else if let Some(name) = line.strip_prefix("fn=") {
            // A recursive function is counted by levels: `name'2`.
            function = name.split('\'').next().unwrap_or(name);
        } else if line.starts_with("calls=") {
            is_of_callee = true;
        } else if line.starts_with(|it: char| it.is_ascii_digit() || "+-*".contains(it)) {
            let cost = line.split(' ').nth(1);
            let cost: Option<u64> = cost.and_then(|cost| cost.parse().ok());
            if let (true, false, Some(cost)) = (is_ours, is_of_callee, cost) {
                *costs.entry(function).or_default() += cost;
            }
            is_of_callee = false;
        }
    }
    let mut functions: Vec<_> = costs.into_iter().collect();
    functions.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    let names = functions.into_iter().map(|(name, _)| name.to_owned());
    names.collect()
}

/// What a binary has of each pattern of a name: how many functions, and their bytes.
type Symbols = HashMap<String, (usize, u64)>;

fn symbols(binary: &Path) -> Result<Symbols, Failure> {
    let told = Command::new("nm")
        .arg("--print-size")
        .arg(binary)
        .output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let mut symbols = Symbols::new();
    for line in told.lines() {
        let parts: Vec<_> = line.split(' ').collect();
        if let [_, size, "t" | "T" | "w" | "W", name] = parts[..] {
            let of = symbols.entry(pattern(name)).or_default();
            of.0 += 1;
            of.1 += u64::from_str_radix(size, 16)?;
        }
    }
    if symbols.is_empty() {
        return Err(format!("{} has no symbols", binary.display()).into());
    }
    Ok(symbols)
}

/// A name without what differs from build to build: hashes, and what the optimizer puts behind a name.
fn pattern(name: &str) -> String {
    let name = name.split(".llvm.").next().unwrap_or(name);
    // `_ZN4core3fmt5write17h0123456789abcdefE`
    if let Some((path, hash)) = name.rsplit_once("17h")
        && name.starts_with("_ZN")
        && hash.len() == 17
    {
        return format!("{path}17h*");
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    // `_RNvNtCs0123456789_3std2rt10lang_start`: the name of a crate goes behind `Cs`, its hash and `_`. How long the hash is
    // differs as well, and with it all that points back to a place in the name: `B12_`.
    let name = without_number(name, "Cs");
    let mut pattern = without_number(&name, "B");
    pattern.push('*');
    pattern
}

/// A name with `*` in the place of what stands between a mark and `_`, where these are letters and digits.
fn without_number(name: &str, mark: &str) -> String {
    let mut parts = name.split(mark);
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pattern.push_str(mark);
        let rest = part
            .split_once('_')
            .filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if let Some((_, rest)) = rest {
            pattern.push_str("*_");
            pattern.push_str(rest);
        } else {
            pattern.push_str(part);
        }
    }
    pattern
}

fn text<'n>(symbols: &Symbols, names: impl Iterator<Item = &'n String>) -> String {
    let mut seen = HashSet::new();
    let patterns = names.map(|name| pattern(name)).filter(|pattern| {
        // What is not there was made up by callgrind.
        symbols.contains_key(pattern) && seen.insert(pattern.clone())
    });
    let (last, first): (Vec<_>, Vec<_>) = patterns.partition(|pattern| {
        let (count, bytes) = symbols[pattern];
        count > MANY && bytes > LARGE
    });
    let mut text = HEAD.to_owned();
    for pattern in first.iter().chain(&last) {
        // What is marked as cold has a section of that name. A `String` takes all that is written to it.
        let _ = writeln!(text, "    *(.text.{pattern} .text.unlikely.{pattern})");
    }
    text.push_str(TAIL);
    text
}

const HEAD: &str = "\
/* Written by `cargo xtask layout`. Do not edit. The functions that a start and calls run, to be put side by side. */
SECTIONS
{
  .text.used :
  {
";
const TAIL: &str = "  }
}
INSERT BEFORE .text;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_nothing_that_differs_from_build_to_build() {
        for (name, expected) in [
            ("main", "main"),
            (
                "_ZN4core3fmt5write17h0123456789abcdefE",
                "_ZN4core3fmt5write17h*",
            ),
            (
                "_ZN4core3fmt5write17h0123456789abcdefE.llvm.123456",
                "_ZN4core3fmt5write17h*",
            ),
            (
                "_RNvNtCsjrHSEGnQ3l9_3std2rt10lang_start",
                "_RNvNtCs*_3std2rt10lang_start*",
            ),
            (
                "_RINvNtCs1a_4core3ptr4dropNtB7_3VecNtNtCs2b_5Bytes3BufE",
                "_RINvNtCs*_4core3ptr4dropNtB*_3VecNtNtCs*_5Bytes3BufE*",
            ),
            ("sqlite3Cs_step", "sqlite3Cs_step"),
        ] {
            assert_eq!(pattern(name), expected);
        }
    }

    #[test]
    fn what_a_function_calls_is_not_its_own_cost() {
        let told = "\
ob=/x/crosswalk
fn=small
1 5
cfn=large
calls=3 20
2 900
fn=large'2
+1 40
ob=/lib/libc.so.6
fn=malloc
7 70
ob=???
fn=laid_out
9 1
";
        assert_eq!(functions(told, "crosswalk"), ["large", "small", "laid_out"]);
    }

    #[test]
    fn what_is_made_many_times_and_is_large_goes_to_the_end() {
        let names = ["b", "many", "a", "b", "stripped"].map(str::to_owned);
        let symbols = Symbols::from([
            ("a".to_owned(), (1, 100_000)),
            ("b".to_owned(), (9, 10_000)),
            ("many".to_owned(), (9, 30_000)),
        ]);
        let text = text(&symbols, names.iter());
        let lines = "    *(.text.b .text.unlikely.b)\n    *(.text.a .text.unlikely.a)\n    *(.text.many .text.unlikely.many)\n";
        assert_eq!(text, format!("{HEAD}{lines}{TAIL}"));
    }
}
