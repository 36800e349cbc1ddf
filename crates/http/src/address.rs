//! Classes of addresses, and the rule about which of them a host may resolve to.
//!
//! The IANA special-purpose registries (RFC 6890 and its updates) decide the class. Forms of IPv6 that carry
//! an IPv4 address (mapped, NAT64, 6to4, Teredo) have the class of that address. Guards that only knew the
//! literal `169.254.169.254` were bypassed with `[::ffff:169.254.169.254]`, and guards that checked the URL
//! instead of the connection were bypassed with a DNS name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

/// Whether requests to the host of `url` never leave this machine: `127.0.0.0/8`, also as an IPv4-mapped
/// address, `::1`, and `localhost` with the names below it (RFC 6761), regardless of a resolver. Only there
/// is plain HTTP safe.
///
/// The other forms with an IPv4 address in them are not loopback: traffic to them is routed to a translator
/// or a tunnel. [`Class`] classifies them by that IPv4 address, because its purpose is to refuse.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_loopback_address(address.into()),
        Some(Host::Ipv6(address)) => is_loopback_address(address.into()),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

pub(crate) fn is_loopback_address(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// `localhost` and names below it, in any case, with or without the root's dot.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// What kind of network an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Routed on the internet.
    Public,
    /// This machine.
    Loopback,
    /// RFC 1918, shared address space (RFC 6598), unique local (RFC 4193), site local.
    Private,
    /// One link: RFC 3927 and `fe80::/10`.
    LinkLocal,
    /// Addresses outside of the link-local range at which clouds give out an instance's credentials.
    Metadata,
    /// Multicast and broadcast.
    Multicast,
    /// `0.0.0.0/8` and `::`, which connect to this machine.
    Unspecified,
    /// Documentation, benchmarks, future use. Some tunnels resolve every name into the benchmark range.
    Reserved,
}

impl From<IpAddr> for Class {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::from_v4(v4),
            IpAddr::V6(v6) => Self::from_v6(v6),
        }
    }
}

impl Class {
    fn from_v4(v4: Ipv4Addr) -> Self {
        // Alibaba's and Azure's metadata services. They look like a private and a public address.
        if v4 == Ipv4Addr::new(100, 100, 100, 200) || v4 == Ipv4Addr::new(168, 63, 129, 16) {
            return Self::Metadata;
        }
        match v4.octets() {
            [0, ..] => Self::Unspecified,
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            [224..=239, ..] | [255, 255, 255, 255] => Self::Multicast,
            [192, 0, 0 | 2, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [240..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn from_v6(v6: Ipv6Addr) -> Self {
        match v6.segments() {
            // Amazon's metadata services in the unique local range: for instances, and the agent of EKS.
            [0xfd00, 0x0ec2, ..] => Self::Metadata,
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // Compatible, mapped and translated forms; NAT64, the well-known and the local prefix.
            [0, 0, 0, 0, 0, 0 | 0xffff, a, b]
            | [0, 0, 0, 0, 0xffff, 0, a, b]
            | [0x64, 0xff9b, 0, 0, 0, 0, a, b]
            | [0x64, 0xff9b, 1, _, _, _, a, b]
            // 6to4.
            | [0x2002, a, b, ..] => Self::from_v4(carried(a, b)),
            // Teredo contains the client's address inverted.
            [0x2001, 0, .., a, b] => Self::from_v4(carried(!a, !b)),
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Self::Private,
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x0100, 0, 0, 0, ..] | [0x5f00, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }
}

fn carried(a: u16, b: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(a) << 16) | u32::from(b))
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
        })
    }
}

/// Which addresses a host may resolve to, depending on who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressRule {
    /// The user wrote the address itself, or it is a proxy's: any address.
    Literal,
    /// The user wrote a name. No registry is at a link-local or metadata address, so a name that resolves to one is an
    /// attack on the machine's own credentials.
    Named,
    /// The caller wants a cloud's metadata service: only that, or a stand-in for it on this machine.
    MetadataService,
    /// A response named it. `giver` is the class of the address at which the host of that response was
    /// reached, if known.
    Given {
        /// The URL that named the host, safe to be shown.
        by: String,
        /// The giver's class.
        giver: Option<Class>,
        /// Networks that any response may name.
        allowed: Arc<[Network]>,
    },
}

impl AddressRule {
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let class = Class::from(address);
        match self {
            Self::Literal => true,
            Self::MetadataService => {
                matches!(class, Class::LinkLocal | Class::Metadata | Class::Loopback)
            }
            Self::Named => {
                matches!(class, Class::Public | Class::Loopback | Class::Private | Class::Reserved)
            }
            Self::Given { giver, allowed, .. } => match class {
                Class::Public => true,
                Class::Loopback | Class::Private | Class::Reserved => {
                    *giver == Some(class) || allowed.iter().any(|network| network.contains(address))
                }
                _ => false,
            },
        }
    }
}

/// An address range, as `NO_PROXY` and `--allow-private` write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) bits: u8,
}

impl Network {
    /// `address/bits`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
        (bits <= width(address)).then_some(Self { address, bits })
    }

    /// An IPv4 network contains no IPv6 addresses, and vice versa. But a mapped address counts as the IPv4
    /// address in it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(host)) => {
                (net.to_bits() ^ host.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(host)) => {
                (net.to_bits() ^ host.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

pub(crate) fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowed::Allowed;

    fn class(address: &str) -> Class {
        Class::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let table = [
            ("93.184.215.14", Class::Public),
            ("172.15.0.1", Class::Public),
            ("172.32.0.1", Class::Public),
            ("100.128.0.1", Class::Public),
            ("192.0.1.1", Class::Public),
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.254", Class::Loopback),
            ("10.1.2.3", Class::Private),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.168.1.1", Class::Private),
            ("100.64.0.1", Class::Private),
            ("169.254.169.254", Class::LinkLocal),
            ("100.100.100.200", Class::Metadata),
            ("168.63.129.16", Class::Metadata),
            ("0.0.0.0", Class::Unspecified),
            ("0.1.2.3", Class::Unspecified),
            ("224.0.0.1", Class::Multicast),
            ("255.255.255.255", Class::Multicast),
            ("240.0.0.1", Class::Reserved),
            ("198.18.0.1", Class::Reserved),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", Class::Public),
            ("::", Class::Unspecified),
            ("::1", Class::Loopback),
            ("fe80::1", Class::LinkLocal),
            ("febf::1", Class::LinkLocal),
            ("fc00::1", Class::Private),
            ("fd12::1", Class::Private),
            ("fec0::1", Class::Private),
            ("fd00:ec2::254", Class::Metadata),
            ("fd00:ec2::23", Class::Metadata),
            ("ff02::1", Class::Multicast),
            ("2001:db8::1", Class::Reserved),
            // Teredo of 203.0.113.5 and of 203.0.114.5.
            ("2001:0:1234::34ff:8efa", Class::Reserved),
            ("2001:0:1234::34ff:8dfa", Class::Public),
        ];
        let mut words: Vec<String> = Vec::new();
        for (address, expected) in table {
            assert_eq!(class(address), expected, "{address}");
            words.push(expected.to_string());
        }
        words.sort();
        words.dedup();
        // Each class has a word of its own, which messages say.
        assert_eq!(words.len(), 8, "{words:?}");
        assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
    }

    #[test]
    fn an_ipv4_address_inside_ipv6_keeps_its_class() {
        for wrapped in [
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:1234::5601:5601",
        ] {
            assert_eq!(class(wrapped), Class::LinkLocal, "{wrapped}");
        }
        assert_eq!(class("::ffff:127.0.0.1"), Class::Loopback);
        assert_eq!(class("::ffff:10.0.0.1"), Class::Private);
        assert_eq!(class("::ffff:0.0.0.0"), Class::Unspecified);
        assert_eq!(class("64:ff9b::5db8:d70e"), Class::Public);
    }

    #[test]
    fn loopback_is_what_never_leaves_this_machine() {
        let is = |host: &str| is_loopback(&Url::parse(&format!("http://{host}:5000/x")).unwrap());
        for here in [
            "127.0.0.1",
            "127.255.255.254",
            "127.1",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "registry.localhost",
            "a.b.localhost.",
        ] {
            assert!(is(here), "{here}");
        }
        for elsewhere in [
            "128.0.0.1",
            "126.255.255.255",
            "0.0.0.0",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "[::]",
            "[::2]",
            "[fe80::1]",
            "[fd00::1]",
            // These contain 127.0.0.1, but are routed.
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::ffff:10.0.0.1]",
            "[::ffff:0:7f00:1]",
            "localhost.example",
            "notlocalhost",
            "localhost-1",
            "127.0.0.1.example",
        ] {
            assert!(!is(elsewhere), "{elsewhere}");
        }
        assert!(!is_loopback(&Url::parse("unix:/run/x.sock").unwrap()));
    }

    /// An address of each class.
    fn one(class: Class) -> IpAddr {
        let text = match class {
            Class::Public => "93.184.215.14",
            Class::Loopback => "127.0.0.1",
            Class::Private => "10.1.2.3",
            Class::LinkLocal => "169.254.169.254",
            Class::Metadata => "100.100.100.200",
            Class::Multicast => "224.0.0.1",
            Class::Unspecified => "0.0.0.0",
            Class::Reserved => "198.18.0.1",
        };
        text.parse().unwrap()
    }

    fn given(giver: Option<Class>, allowed: &[&str]) -> AddressRule {
        let entries: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let allowed = Allowed::parse(&entries).unwrap().networks;
        AddressRule::Given { by: "https://r.example/".to_owned(), giver, allowed }
    }

    #[test]
    fn a_given_host_reaches_only_its_givers_class() {
        for giver in [None, Some(Class::Public), Some(Class::Private)] {
            assert!(given(giver, &[]).permits(one(Class::Public)));
            assert!(!given(giver, &[]).permits(one(Class::Loopback)));
        }
        assert!(given(Some(Class::Loopback), &[]).permits(one(Class::Loopback)));
        assert!(given(Some(Class::Private), &[]).permits(one(Class::Private)));
        assert!(!given(Some(Class::Loopback), &[]).permits(one(Class::Private)));
        assert!(!given(Some(Class::Public), &[]).permits(one(Class::Private)));
        // Never: neither from a host of the same class, nor if the user allowed everything.
        for never in [Class::LinkLocal, Class::Metadata, Class::Multicast, Class::Unspecified] {
            assert!(!given(Some(never), &["0.0.0.0/0"]).permits(one(never)), "{never}");
        }
    }

    #[test]
    fn an_allowed_network_may_be_named_by_anybody() {
        let rule = given(Some(Class::Public), &["10.1.0.0/16", "fd00::/8", "192.168.1.7"]);
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "192.168.1.7"] {
            assert!(rule.permits(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.2.0.1", "192.168.1.8", "127.0.0.1", "fe80::1"] {
            assert!(!rule.permits(outside.parse().unwrap()), "{outside}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0.0/", "http://a.example/", "", "a b"] {
            let error = Allowed::parse(&[wrong.to_owned()]).unwrap_err();
            assert!(error.to_string().contains("a network such as 10.1.0.0/16"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_name_never_leads_to_metadata_but_a_literal_may() {
        assert!(!AddressRule::Named.permits(one(Class::LinkLocal)));
        assert!(!AddressRule::Named.permits(one(Class::Metadata)));
        assert!(!AddressRule::Named.permits(one(Class::Unspecified)));
        assert!(AddressRule::Named.permits(one(Class::Private)));
        assert!(AddressRule::Literal.permits(one(Class::LinkLocal)));
    }
}
