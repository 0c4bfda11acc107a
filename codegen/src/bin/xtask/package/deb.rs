//! `cargo xtask package deb`: a Debian package, made by Debian's own tools.
//!
//! A folder is laid out as the package is to be unpacked, with modes that don't depend on who builds, and `dpkg-deb`
//! packs it with root as the owner and no time later than the one of the sources.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};

use super::{VERSION, output, released, sbom};
use crate::{Failure, Outcome, project::Project};

/// The version of the packaging, beside that of what is packed.
const REVISION: &str = "1";
/// Files that go in as they are: where they are in the project, where they are unpacked, their mode.
const FILES: [(&str, &str, u32); 9] = [
    (
        "proxy/packaging/debian/crosswalk.yaml",
        "etc/crosswalk/crosswalk.yaml",
        0o644,
    ),
    (
        "proxy/packaging/debian/environment",
        "usr/share/crosswalk/environment",
        0o644,
    ),
    (
        "proxy/packaging/systemd/crosswalk.service",
        "lib/systemd/system/crosswalk.service",
        0o644,
    ),
    (
        "proxy/packaging/systemd/crosswalk.socket",
        "lib/systemd/system/crosswalk.socket",
        0o644,
    ),
    (
        "proxy/packaging/systemd/crosswalk-admin.socket",
        "lib/systemd/system/crosswalk-admin.socket",
        0o644,
    ),
    (
        "proxy/packaging/debian/README.Debian",
        "usr/share/doc/crosswalk/README.Debian",
        0o644,
    ),
    (
        "proxy/packaging/debian/copyright",
        "usr/share/doc/crosswalk/copyright",
        0o644,
    ),
    (
        "proxy/packaging/debian/lintian-overrides",
        "usr/share/lintian/overrides/crosswalk",
        0o644,
    ),
    (
        "proxy/crosswalk.example.yaml",
        "usr/share/doc/crosswalk/examples/crosswalk.example.yaml",
        0o644,
    ),
];
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// Shells, and where each looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/crosswalk"),
    ("zsh", "usr/share/zsh/vendor-completions/_crosswalk"),
    ("fish", "usr/share/fish/vendor_completions.d/crosswalk.fish"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The binary to pack instead of the one that is built for release.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where the package is written; made where it is missing. Unset: target/package.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who answers for the package.
    #[arg(
        long,
        value_name = "NAME <ADDRESS>",
        default_value = "Crosswalk maintainers <maintainers@users.noreply.github.com>"
    )]
    maintainer: String,
}

pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<Outcome, Failure> {
    let root = std::path::absolute(project.root())?;
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => released(&root, "crosswalk"),
    };
    let elf = Elf::read(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let time = super::time(&root)?;
    let version = format!("{VERSION}-{REVISION}");
    let folder = tempfile::tempdir()?;
    let tree = Tree {
        at: folder.path().join("tree"),
    };

    tree.add("usr/bin/crosswalk", &fs::read(&binary)?, 0o755)?;
    for (from, to, mode) in FILES {
        tree.add(to, &read(&root.join(from))?, mode)?;
    }
    tree.zip(
        "usr/share/doc/crosswalk/changelog",
        &root.join("CHANGELOG.md"),
    )?;
    let text = changelog(&version, &arguments.maintainer, time)?;
    let path = folder.path().join("changelog");
    fs::write(&path, text)?;
    tree.zip("usr/share/doc/crosswalk/changelog.Debian", &path)?;
    fs::write(&path, sbom::text(project, Some(elf.target))?)?;
    tree.zip("usr/share/doc/crosswalk/crosswalk.cdx.json", &path)?;
    documents(&tree, &binary, folder.path())?;

    let depends = depends(&binary, folder.path(), elf)?;
    control(&tree, &root, &version, elf, &depends, &arguments.maintainer)?;

    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| root.join("target/package"));
    fs::create_dir_all(&out)?;
    let package = out.join(format!("crosswalk_{version}_{}.deb", elf.architecture));
    output(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .args([&tree.at, &package])
            .env("SOURCE_DATE_EPOCH", time.as_second().to_string()),
    )?;
    println!("{}", package.display());
    Ok(Outcome::Well)
}

/// What the head of a binary tells.
#[derive(Debug, Clone, Copy)]
struct Elf {
    /// As Debian names it.
    architecture: &'static str,
    /// As Rust names it.
    target: &'static str,
}

impl Elf {
    fn read(binary: &Path) -> Result<Self, Failure> {
        let mut head = [0; 20];
        fs::File::open(binary)?.read_exact(&mut head)?;
        // `e_machine` of elf(5), in files of 64 bits that begin with the low byte.
        match (&head[..6], u16::from_le_bytes([head[18], head[19]])) {
            (b"\x7fELF\x02\x01", 62) => Ok(Self {
                architecture: "amd64",
                target: "x86_64-unknown-linux-gnu",
            }),
            (b"\x7fELF\x02\x01", 183) => Ok(Self {
                architecture: "arm64",
                target: "aarch64-unknown-linux-gnu",
            }),
            _ => Err("expected a program for Linux on x86-64 or 64-bit ARM".into()),
        }
    }
}

/// The folder that is packed.
#[derive(Debug)]
struct Tree {
    at: PathBuf,
}

impl Tree {
    fn add(&self, path: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        let mut folder = self.at.clone();
        fs::create_dir_all(&folder)?;
        set_mode(&folder, 0o755)?;
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in parents.split('/') {
            folder.push(part);
            fs::create_dir_all(&folder)?;
            set_mode(&folder, 0o755)?;
        }
        let path = folder.join(name);
        fs::write(&path, content)?;
        set_mode(&path, mode)
    }

    /// Adds a file, packed; `.gz` is put behind its name.
    fn zip(&self, to: &str, from: &Path) -> Result<(), Failure> {
        let packed = Command::new("gzip")
            .args(["-9n", "--stdout"])
            .stdin(fs::File::open(from).map_err(|error| format!("{}: {error}", from.display()))?)
            .output()?;
        if !packed.status.success() {
            return Err(format!("gzip: {}", packed.status).into());
        }
        self.add(&format!("{to}.gz"), &packed.stdout, 0o644)
    }

    /// The files in it, sorted, by their paths in the package.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut ahead = vec![self.at.clone()];
        while let Some(folder) = ahead.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    ahead.push(path);
                } else if let Ok(path) = path.strip_prefix(&self.at) {
                    found.push(path.to_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<(), Failure> {
    Err("Debian packages are built on Linux".into())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Man pages and completions, written by the binary itself where it runs here and knows how.
fn documents(tree: &Tree, binary: &Path, folder: &Path) -> Result<(), Failure> {
    let pages = folder.join("man");
    if knows(binary, "man") {
        output(Command::new(binary).arg("man").arg("--out").arg(&pages))?;
        let mut names: Vec<_> = fs::read_dir(&pages)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        names.sort();
        for page in names {
            let name = page.file_name().unwrap_or_default().to_string_lossy();
            let section = name.rsplit('.').next().unwrap_or("1");
            tree.zip(&format!("usr/share/man/man{section}/{name}"), &page)?;
        }
    } else {
        eprintln!("LEFT OUT: man pages, for {} has no `man`", binary.display());
    }
    if knows(binary, "completions") {
        for (shell, path) in COMPLETIONS {
            let script = output(Command::new(binary).args(["completions", shell]))?;
            tree.add(path, script.as_bytes(), 0o644)?;
        }
    } else {
        eprintln!(
            "LEFT OUT: completions, for {} has no `completions`",
            binary.display()
        );
    }
    Ok(())
}

/// Whether the binary has a command; not where it is for another machine.
fn knows(binary: &Path, command: &str) -> bool {
    Command::new(binary)
        .args([command, "--help"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What the package needs: the libraries of the binary, as Debian's own tool reads them, and what the scripts call.
fn depends(binary: &Path, folder: &Path, elf: Elf) -> Result<String, Failure> {
    // The tool wants to run beside a source package.
    fs::create_dir_all(folder.join("debian"))?;
    let control = "Source: crosswalk\n\nPackage: crosswalk\nArchitecture: any\n";
    fs::write(folder.join("debian/control"), control)?;
    let told = output(
        Command::new("dpkg-shlibdeps")
            .arg("-O")
            .arg(binary)
            .env("DEB_HOST_ARCH", elf.architecture)
            .current_dir(folder),
    )
    .map_err(|error| format!("the libraries that the binary needs are not known: {error}"))?;
    // Nothing where the binary is static.
    let libraries = told.trim().strip_prefix("shlibs:Depends=");
    Ok(libraries.map_or_else(
        || "adduser".to_owned(),
        |libraries| format!("{libraries}, adduser"),
    ))
}

fn control(
    tree: &Tree,
    root: &Path,
    version: &str,
    elf: Elf,
    depends: &str,
    maintainer: &str,
) -> Result<(), Failure> {
    let packaging = root.join("proxy/packaging/debian");
    let files = tree.files()?;
    let mut bytes = 0;
    for file in &files {
        bytes += fs::metadata(tree.at.join(file))?.len();
    }
    let sums = output(Command::new("md5sum").args(&files).current_dir(&tree.at))?;
    let conffiles: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("etc"))
        .map(|file| format!("/{}\n", file.display()))
        .collect();
    let text = String::from_utf8(read(&packaging.join("control"))?)?
        .replace("{version}", version)
        .replace("{architecture}", elf.architecture)
        .replace("{maintainer}", maintainer)
        .replace("{installed_size}", &bytes.div_ceil(1024).to_string())
        .replace("{depends}", depends);
    tree.add("DEBIAN/control", text.as_bytes(), 0o644)?;
    tree.add("DEBIAN/conffiles", conffiles.concat().as_bytes(), 0o644)?;
    tree.add("DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
    for script in SCRIPTS {
        let content = read(&packaging.join(script))?;
        tree.add(&format!("DEBIAN/{script}"), &content, 0o755)?;
    }
    Ok(())
}

/// Debian's own changelog: of the packaging, which has only one entry, since what has changed is in the other one.
fn changelog(version: &str, maintainer: &str, time: Timestamp) -> Result<String, Failure> {
    let date = rfc2822::to_string(&time.to_zoned(TimeZone::UTC))?;
    Ok(format!(
        "crosswalk ({version}) unstable; urgency=medium\n\n  * What has changed is in changelog.gz.\n\n -- {maintainer}  {date}\n"
    ))
}
