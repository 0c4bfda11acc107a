//! Which functions a proxy really runs, and so where the linker is to put them.
//!
//! A linker lays functions out as they come, so that the few that run are spread over all of the program. The system
//! maps what surrounds each that is touched, and the processor fetches from pages that hold little else. Side by side
//! they take a fifth of the memory. What runs is told by callgrind: a start with a store, a rest, and each of the calls
//! that are measured. `proxy/build.rs` has the linker use what is written here.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::runtime;

use crate::{
    Failure,
    arguments::Arguments,
    callgrind::{self, Watched},
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
/// What processors run instead of something that callgrind's has no instructions for.
const UNSEEN: [&str; 1] = ["_RNvNtNtCs*_4sha26sha2567x86_sha8compress*"];

/// Writes the linker's script for a binary, which must have its symbols.
pub(crate) fn write(arguments: &Arguments, script: &Path) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let name = arguments.binary.file_name().ok_or("expected a binary")?;
    let name = name.to_string_lossy();
    let (start, calls) = runtime.block_on(observe(arguments, folder.path(), &name))?;
    let addresses = addresses(&arguments.binary)?;
    let sections = Sections::of(&fs::read_to_string(map(&arguments.binary))?)?;
    let names = calls.iter().chain(&start).map(String::as_str);
    let addresses = names.flat_map(|name| addresses.get(name).into_iter().flatten());
    let ran = addresses.filter_map(|address| sections.at(*address));
    let text = sections.text(ran.chain(UNSEEN));
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
    folder: &Path,
    name: &str,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let stub = Stub::start(Speaks::default(), &Identity::new()?)?;
    let home = Home::new(&arguments.binary, None, Log::Calls, &connections(&stub))?;
    let mut watched = Watched::serve(&home, folder)?;
    say("left alone, as a process without work is");
    tokio::time::sleep(REST).await;
    let (start, _) = callgrind::told(&watched.dump()?)?;
    say("making calls");
    let mut crowd = Crowd::connect(home.address, 1).await?;
    for (_, call) in unified_calls() {
        for _ in 0..TIMES {
            crowd.ask(&call).await?;
        }
    }
    let (calls, _) = callgrind::told(&watched.dump()?)?;
    watched.end();
    Ok((functions(&start, name), functions(&calls, name)))
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

/// Where each function is. Several may have one name.
fn addresses(binary: &Path) -> Result<HashMap<String, Vec<u64>>, Failure> {
    let told = Command::new("nm").arg(binary).output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let mut addresses: HashMap<String, Vec<u64>> = HashMap::new();
    for line in told.lines() {
        let parts: Vec<_> = line.split(' ').collect();
        if let [address, "t" | "T" | "w" | "W", name] = parts[..] {
            let of = addresses.entry(name.to_owned()).or_default();
            of.push(u64::from_str_radix(address, 16)?);
        }
    }
    if addresses.is_empty() {
        return Err(format!("{} has no symbols", binary.display()).into());
    }
    Ok(addresses)
}

/// The linker's map of a binary, which is beside it.
fn map(binary: &Path) -> PathBuf {
    let mut map = binary.as_os_str().to_owned();
    map.push(".map");
    map.into()
}

/// What the linker put together, each function for itself. A function is where its section is, and not always under its own
/// name: of those that came out alike the compiler keeps one, for all of their names.
#[derive(Debug)]
struct Sections {
    /// By their address: where they end, and the pattern of their name.
    by_address: BTreeMap<u64, (u64, String)>,
}

impl Sections {
    /// Those of a map that `lld` wrote: `address load-address size alignment file:(section)`.
    fn of(map: &str) -> Result<Self, Failure> {
        let mut by_address = BTreeMap::new();
        for line in map.lines() {
            let Some((numbers, name)) = line.split_once(":(.text.") else {
                continue;
            };
            let Some(name) = name.strip_suffix(')') else {
                continue;
            };
            let name = name.strip_prefix("unlikely.").unwrap_or(name);
            let mut numbers = numbers.split_whitespace();
            let (Some(address), Some(size)) = (numbers.next(), numbers.nth(1)) else {
                continue;
            };
            let address = u64::from_str_radix(address, 16)?;
            let end = address + u64::from_str_radix(size, 16)?;
            by_address.insert(address, (end, pattern(name)));
        }
        if by_address.is_empty() {
            return Err("the map has no functions; expected one of lld's".into());
        }
        Ok(Self { by_address })
    }

    /// The pattern of the section that is there.
    fn at(&self, address: u64) -> Option<&str> {
        let (_, (end, pattern)) = self.by_address.range(..=address).next_back()?;
        (address < *end).then_some(pattern)
    }

    /// The script that has the sections of these patterns side by side.
    fn text<'p>(&'p self, patterns: impl Iterator<Item = &'p str>) -> String {
        let mut sizes: HashMap<&str, (usize, u64)> = HashMap::new();
        for (address, (end, pattern)) in &self.by_address {
            let of = sizes.entry(pattern).or_default();
            of.0 += 1;
            of.1 += end - address;
        }
        let mut seen = HashSet::new();
        let patterns = patterns.filter(|pattern| seen.insert(*pattern));
        let (last, first): (Vec<_>, Vec<_>) = patterns.partition(|pattern| {
            let of = sizes.get(pattern);
            of.is_some_and(|(count, bytes)| *count > MANY && *bytes > LARGE)
        });
        let mut text = HEAD.to_owned();
        for pattern in first.iter().chain(&last) {
            // What is marked as cold has a section of that name. A `String` takes all that is written to it.
            let _ = writeln!(text, "    *(.text.{pattern} .text.unlikely.{pattern})");
        }
        text.push_str(TAIL);
        text
    }
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

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          1000             1000      200    16 .text
          1000             1000       40    16         /x/a.o:(.text._RNvNtCs1a_1a3one)
          1000             1000       40     1                 a::one
          1000             1000       40     1                 a::another
          1040             1040       20    16         /x/a.o:(.text.unlikely._RNvNtCs2b_1b3two)
          1080             1080       20    16         /x/a.o:(.text.plain)
          2000             2000       20    16         /x/a.o:(.rodata.x)
";

    #[test]
    fn a_function_is_where_its_section_is() {
        let sections = Sections::of(MAP).unwrap();
        for (address, expected) in [
            (0xfff, None),
            (0x1000, Some("_RNvNtCs*_1a3one*")),
            (0x103f, Some("_RNvNtCs*_1a3one*")),
            (0x1040, Some("_RNvNtCs*_1b3two*")),
            (0x1070, None),
            (0x1080, Some("plain")),
            (0x2000, None),
        ] {
            assert_eq!(sections.at(address), expected, "{address:x}");
        }
        assert!(Sections::of("VMA\n").is_err());
    }

    #[test]
    fn what_is_made_many_times_and_is_large_goes_to_the_end() {
        let section = |number: u64, bytes: u64, name: &str| {
            let address = number * 0x10_000;
            (address, (address + bytes, name.to_owned()))
        };
        let many = (1..=5).map(|number| section(number, 6_000, "many"));
        let sections = Sections {
            by_address: many
                .chain([section(6, 60_000, "a"), section(7, 10, "b")])
                .collect(),
        };
        let text = sections.text(["b", "many", "a", "b", "unseen"].into_iter());
        let lines = "    *(.text.b .text.unlikely.b)\n    *(.text.a .text.unlikely.a)\n    *(.text.unseen .text.unlikely.unseen)\n    *(.text.many .text.unlikely.many)\n";
        assert_eq!(text, format!("{HEAD}{lines}{TAIL}"));
    }
}
