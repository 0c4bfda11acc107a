//! What callers connect to: a port, or a socket that is a file, made by us or handed over by whoever started us.

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

use crate::config::UnixSocket;

/// An open door.
#[derive(Debug)]
pub struct Listener {
    door: Door,
    /// Gone with the listener, where it is ours.
    file: Option<SocketFile>,
}

#[derive(Debug)]
enum Door {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, Option<PathBuf>),
}

/// One caller's connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket's file, removed when it is dropped, unless somebody else's stands in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Listener {
    pub(super) async fn tcp(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok(Self {
            door: Door::Tcp(listener, bound),
            file: None,
        })
    }

    /// A port that was opened by somebody else.
    pub fn of_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok(Self {
            door: Door::Tcp(TcpListener::from_std(listener)?, bound),
            file: None,
        })
    }

    /// A socket that was opened by somebody else, whose file is his as well.
    pub fn of_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_path_buf);
        Ok(Self {
            door: Door::Unix(UnixListener::from_std(listener)?, path),
            file: None,
        })
    }

    /// Makes a socket that is a file. One that nobody listens on any more is replaced; anything else in its place is an
    /// error. Nobody can connect before the file has its mode.
    pub(super) fn unix(socket: &UnixSocket) -> io::Result<Self> {
        let path = &socket.path;
        make_way(path)?;
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        // Made in a folder of our own and moved: so it is there at once, with its mode, or not at all.
        let folder = parent.join(format!(".cw{:08x}", rand::random::<u32>()));
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let made = in_folder(&folder.join("s"), path, socket.mode);
        let removed = fs::remove_dir(&folder);
        let listener = made?;
        removed?;
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self {
            door: Door::Unix(listener, Some(path.clone())),
            file: Some(SocketFile {
                path: path.clone(),
                device: metadata.dev(),
                inode: metadata.ino(),
            }),
        })
    }

    /// The address; that of a socket that is a file is one of loopback without a port, as nobody reaches it by one.
    pub(super) fn address(&self) -> SocketAddr {
        match &self.door {
            Door::Tcp(_, address) => *address,
            Door::Unix(..) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }

    /// The next caller.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match &self.door {
            Door::Tcp(listener, _) => listener.accept().await.map(|(it, _)| Stream::Tcp(it)),
            Door::Unix(listener, _) => listener.accept().await.map(|(it, _)| Stream::Unix(it)),
        }
    }

    /// Closes the door; those whom the system has let in already come out, at most so many.
    pub(super) fn close(self, most: usize) -> Vec<Stream> {
        let Self { door, file } = self;
        // Whoever comes now finds nobody, or the next process.
        drop(file);
        let mut streams = Vec::new();
        // The listeners of the standard library tell without waiting whether somebody is there.
        match door {
            Door::Tcp(listener, _) => {
                let Ok(listener) = listener.into_std() else {
                    return streams;
                };
                while streams.len() < most
                    && let Ok((stream, _)) = listener.accept()
                {
                    let stream = stream
                        .set_nonblocking(true)
                        .and_then(|()| TcpStream::from_std(stream));
                    streams.extend(stream.ok().map(Stream::Tcp));
                }
            }
            Door::Unix(listener, _) => {
                let Ok(listener) = listener.into_std() else {
                    return streams;
                };
                while streams.len() < most
                    && let Ok((stream, _)) = listener.accept()
                {
                    let stream = stream
                        .set_nonblocking(true)
                        .and_then(|()| UnixStream::from_std(stream));
                    streams.extend(stream.ok().map(Stream::Unix));
                }
            }
        }
        streams
    }
}

/// As it is told: `127.0.0.1:4040`, `unix:/run/crosswalk.sock`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.door {
            Door::Tcp(_, address) => address.fmt(f),
            Door::Unix(_, Some(path)) => write!(f, "unix:{}", path.display()),
            Door::Unix(_, None) => f.write_str("unix:"),
        }
    }
}

/// Sees to it that nothing is in the way of a new socket.
fn make_way(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else than a socket at this path",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        // It was left behind by a process that was killed.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there",
        )),
        Err(error) => Err(error),
    }
}

fn in_folder(first: &Path, path: &Path, mode: u32) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(first)?;
    let moved = fs::set_permissions(first, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::rename(first, path));
    if let Err(error) = moved {
        let _ = fs::remove_file(first);
        return Err(error);
    }
    Ok(listener)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|it| (it.dev(), it.ino()) == (self.device, self.inode));
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Stream {
    /// The same, watched by the runtime that this is called on instead of the one that accepted it.
    pub(super) fn moved(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
        })
    }

    /// Answers are small and go out at once; where this fails it only costs time.
    pub(crate) fn be_prompt(&self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.set_nodelay(true);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }
}
