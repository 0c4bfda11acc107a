//! Which addresses may be reached. The address is checked after its name was resolved and is then the one that is
//! connected to, so that a name cannot lead elsewhere between the check and the call.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Addresses that answer with a machine's own credentials at the clouds, beside those that are link-local.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// What may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Where providers are: the internet, and private networks, in which companies have their own ways out. This machine
    /// too, where it is called `localhost`, for the sandbox; by no other name does anything of it answer, nor does a
    /// cloud's metadata, whatever a name's owner makes it lead to.
    Providers,
    /// This machine.
    Loopback,
    /// This machine and private networks.
    Inside,
    /// The internet.
    Public,
    /// The internet and private networks.
    PublicOrPrivate,
}

/// Where an address belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Loopback,
    Private,
    Public,
    /// Link-local, reserved, multicast, or a cloud's metadata.
    Nowhere,
}

impl Reach {
    /// The same for one name.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Providers if name.eq_ignore_ascii_case("localhost") => Self::Loopback,
            reach => reach,
        }
    }

    /// Those of the addresses that a name leads to that may be reached.
    pub(crate) fn among(self, name: &str, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        let reach = self.of(name);
        let is_known = !found.is_empty();
        let mut allowed = found;
        allowed.retain(|address| reach.allows(address.ip()));
        if allowed.is_empty() && is_known {
            return Err(io::Error::other(
                "the name leads to addresses that may not be reached from here",
            ));
        }
        Ok(allowed)
    }

    pub(crate) fn allows(self, address: IpAddr) -> bool {
        match (self, place(address)) {
            (Self::Loopback | Self::Inside, Place::Loopback)
            | (Self::Inside | Self::PublicOrPrivate | Self::Providers, Place::Private)
            | (Self::Public | Self::PublicOrPrivate | Self::Providers, Place::Public) => true,
            (_, Place::Loopback | Place::Private | Place::Public | Place::Nowhere) => false,
        }
    }
}

fn place(address: IpAddr) -> Place {
    if METADATA.contains(&address) {
        return Place::Nowhere;
    }
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

/// By IANA's registry of special-purpose addresses.
fn place_v4(address: Ipv4Addr) -> Place {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        Place::Loopback
    } else if address.is_private() || (a == 100 && b & 0xc0 == 64) {
        // The second are networks behind a carrier, or of a cluster.
        Place::Private
    } else if a == 0
        || a >= 224
        || address.is_link_local()
        || address.is_documentation()
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && b & 0xfe == 18)
    {
        Place::Nowhere
    } else {
        Place::Public
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    let segments = address.segments();
    let embedded = || {
        let bits = u32::from(segments[6]) << 16 | u32::from(segments[7]);
        place_v4(Ipv4Addr::from_bits(bits))
    };
    match segments {
        _ if address.is_loopback() => Place::Loopback,
        [0, 0, 0, 0, 0, 0xffff, _, _] => embedded(),
        // What a translator makes of an address in a network that has IPv6 alone. It leads to others, not to itself.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => match embedded() {
            Place::Loopback => Place::Nowhere,
            place => place,
        },
        [0xfc00..=0xfdff, ..] => Place::Private,
        // Protocols, tunnels and documentation, some of which have an address of IPv4 inside.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Place::Nowhere,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Nowhere,
    }
}

/// Resolves names to the addresses that may be reached.
#[derive(Debug, Clone)]
pub(crate) struct Resolver<R = GaiResolver> {
    reach: Reach,
    inner: R,
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Self {
        Self {
            reach,
            inner: GaiResolver::new(),
        }
    }
}

impl<R> Service<Name> for Resolver<R>
where
    R: Service<Name, Error = io::Error>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send + 'static,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, asked) = (self.reach, name.to_string());
        let resolving = self.inner.call(name);
        Box::pin(async move {
            let found = resolving.await?.collect();
            Ok(reach.among(&asked, found)?.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(reach: Reach, address: &str) -> bool {
        reach.allows(address.parse().unwrap())
    }

    /// Covers: private-addresses
    #[test]
    fn the_internet_has_no_address_of_a_machine_or_a_network() {
        for address in [
            "93.184.216.34",
            "1.1.1.1",
            "2606:4700::1111",
            "64:ff9b::5db8:d822",
            "::ffff:1.1.1.1",
        ] {
            assert!(reaches(Reach::Public, address), "{address}");
            assert!(reaches(Reach::PublicOrPrivate, address), "{address}");
            assert!(!reaches(Reach::Inside, address), "{address}");
        }
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(!reaches(Reach::Public, address), "{address}");
            assert!(reaches(Reach::PublicOrPrivate, address), "{address}");
            assert!(reaches(Reach::Inside, address), "{address}");
            assert!(!reaches(Reach::Loopback, address), "{address}");
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for address in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
            assert!(reaches(Reach::Loopback, address), "{address}");
            assert!(reaches(Reach::Inside, address), "{address}");
            assert!(!reaches(Reach::Public, address), "{address}");
            assert!(!reaches(Reach::PublicOrPrivate, address), "{address}");
        }
    }

    /// Covers: private-addresses
    #[test]
    fn metadata_and_special_addresses_are_never_reached() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "198.18.0.1",
            "203.0.113.1",
            "ff02::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::7f00:1",
            "::127.0.0.1",
        ] {
            for reach in [
                Reach::Loopback,
                Reach::Inside,
                Reach::Public,
                Reach::PublicOrPrivate,
                Reach::Providers,
            ] {
                assert!(!reaches(reach, address), "{reach:?} {address}");
            }
        }
    }

    /// A resolver whose owner thinks of another address each time.
    #[derive(Clone)]
    struct Fickle(std::sync::Arc<std::sync::Mutex<Vec<Vec<&'static str>>>>);

    impl Service<Name> for Fickle {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let found = self.0.lock().unwrap().remove(0);
            let found: Vec<_> = found
                .into_iter()
                .map(|address| SocketAddr::new(address.parse().unwrap(), 443))
                .collect();
            std::future::ready(Ok(found.into_iter()))
        }
    }

    async fn resolve(reach: Reach, name: &str, found: &[&[&'static str]]) -> Vec<Option<String>> {
        let found: Vec<_> = found.iter().map(|found| found.to_vec()).collect();
        let times = found.len();
        let inner = Fickle(std::sync::Arc::new(std::sync::Mutex::new(found)));
        let mut resolver = Resolver { reach, inner };
        let mut told = Vec::new();
        for _ in 0..times {
            let found = resolver.call(name.parse().unwrap()).await;
            told.push(found.ok().map(|found| {
                let found: Vec<_> = found.map(|address| address.ip().to_string()).collect();
                found.join(" ")
            }));
        }
        told
    }

    /// Covers: dns-flip
    #[tokio::test]
    async fn each_time_a_name_is_resolved_its_addresses_are_checked_anew() {
        let name = "acme.my.salesforce.com";
        let found: [&[&str]; 5] = [
            &["1.1.1.1"],
            &["127.0.0.1"],
            &["169.254.169.254", "::1"],
            &["169.254.169.254", "1.1.1.1", "fd00:ec2::254"],
            &["10.0.0.1"],
        ];
        let told = resolve(Reach::Providers, name, &found).await;
        let told: Vec<_> = told.iter().map(Option::as_deref).collect();
        let private = Some("10.0.0.1");
        assert_eq!(
            told,
            [Some("1.1.1.1"), None, None, Some("1.1.1.1"), private]
        );
    }

    #[tokio::test]
    async fn this_machine_answers_to_its_own_name_alone() {
        let found: [&[&str]; 2] = [&["127.0.0.1", "::1"], &["1.1.1.1"]];
        let told = resolve(Reach::Providers, "localhost", &found).await;
        assert_eq!(told, [Some("127.0.0.1 ::1".to_owned()), None]);
        for name in ["localhost.", "localhost.evil.example", "api.hubapi.com"] {
            let told = resolve(Reach::Providers, name, &[&["127.0.0.1"]]).await;
            assert_eq!(told, [None], "{name}");
        }
    }
}
