//! What the slow path makes of a message.

use crate::{
    answer::Answer,
    counter::Kind,
    tables::policy,
    wire::dns::{
        ExtendedError,
        rcode::{BADCOOKIE, BADVERS, FORMERR, NOERROR, NOTAUTH, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL},
    },
};

macro_rules! findings {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal => $rcode:expr,)+) => {
        /// Each one is counted by its name. It has an RCODE, or there is no reply.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Finding {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Finding {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name that counters use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence for people.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }

            /// Of the reply, twelve bits; nothing where there is none.
            pub const fn rcode(self) -> Option<u16> {
                match self { $(Self::$variant => $rcode,)+ }
            }
        }
    };
}

findings! {
    /// IPv4 addresses.
    A = "answered_a" => Some(NOERROR),
    /// IPv6 addresses.
    Aaaa = "answered_aaaa" => Some(NOERROR),
    /// The name exists without data of that type.
    NoData = "answered_nodata" => Some(NOERROR),
    /// The SOA.
    Soa = "answered_soa" => Some(NOERROR),
    /// What is handed out while no server is live, or too few are.
    WithoutLive = "answered_without_live" => Some(NOERROR),
    /// The same where the policy is SERVFAIL.
    Servfail = "servfail_without_live" => Some(SERVFAIL),
    /// The same where the policy is REFUSED.
    Refused = "refused_without_live" => Some(REFUSED),
    /// What is handed out while it is not known who is live, as the controller hangs.
    Stale = "answered_stale" => Some(NOERROR),
    /// The name servers.
    NameServers = "answered_ns" => Some(NOERROR),
    /// There is no such name in the zone.
    NoName = "answered_nxdomain" => Some(NXDOMAIN),
    /// What this server tells of itself (class CH).
    Chaos = "answered_chaos" => Some(NOERROR),
    /// No question, but a cookie (RFC 7873 5.4).
    Cookie = "answered_cookie" => Some(NOERROR),
    /// No question, and a cookie that this server did not give.
    BadCookie = "badcookie" => Some(BADCOOKIE),
    /// The name is in no zone of this server, or in none for this client.
    ForeignName = "refused_name" => Some(REFUSED),
    /// The class is neither IN nor CH.
    ForeignClass = "refused_class" => Some(REFUSED),
    /// This server does not tell that of itself.
    Untold = "refused_chaos" => Some(REFUSED),
    /// AXFR or IXFR: zones are not transferred.
    ZoneTransfer = "refused_transfer" => Some(REFUSED),
    /// It is signed with a key, and this server has none (RFC 8945 5.2.1).
    Key = "notauth_key" => Some(NOTAUTH),
    /// The opcode is not QUERY.
    Opcode = "notimp_opcode" => Some(NOTIMP),
    /// The EDNS version is not 0.
    EdnsVersion = "badvers" => Some(BADVERS),
    /// Not exactly one question.
    Questions = "formerr_questions" => Some(FORMERR),
    /// The question is cut off, or its name is compressed, too long or of unknown labels.
    Question = "formerr_question" => Some(FORMERR),
    /// AXFR over UDP (RFC 5936 4.2).
    TransferOverUdp = "formerr_transfer" => Some(FORMERR),
    /// A record behind the question is cut off or malformed.
    Records = "formerr_records" => Some(FORMERR),
    /// More than one OPT record, one with an owner, or options that do not fill theirs.
    Opt = "formerr_opt" => Some(FORMERR),
    /// A cookie of a wrong length (RFC 7873 5.2.2).
    CookieLength = "formerr_cookie" => Some(FORMERR),
    /// The client's network has had its answers for now: TC, so that it asks over TCP.
    Slipped = "slipped" => Some(NOERROR),
    /// The client's network has had its answers for now: no reply.
    RateLimited = "silent_rate_limited" => None,
    /// Shorter than a header: no reply.
    Short = "silent_short" => None,
    /// A response: no reply, ever.
    Response = "silent_response" => None,
    /// The buffer has no room for the reply: none is sent.
    NoRoom = "silent_no_room" => None,
}

impl Finding {
    /// Whether the reply is authoritative: what it says is of a zone of this server.
    pub const fn is_authoritative(self) -> bool {
        (self as u8) <= Self::NoName as u8
    }

    /// Why, for clients that understand it (RFC 8914 4).
    pub const fn extended_error(self) -> Option<u16> {
        if self as u8 == Self::ForeignName as u8 { Some(ExtendedError::NOT_AUTHORITATIVE) } else { None }
    }
}

impl From<&Answer<'_>> for Finding {
    fn from(answer: &Answer<'_>) -> Self {
        let set = answer.set;
        match answer.kind {
            Kind::NO_DATA if u16::from(set.rcode) == SERVFAIL => Self::Servfail,
            Kind::NO_DATA if u16::from(set.rcode) == REFUSED => Self::Refused,
            _ if answer.policy() & policy::STALE != 0 => Self::Stale,
            _ if answer.policy() & policy::EXPLAINED != 0 => Self::WithoutLive,
            Kind::A => Self::A,
            Kind::AAAA => Self::Aaaa,
            Kind::SOA => Self::Soa,
            _ => Self::NoData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_up_from_zero() {
        for (index, finding) in Finding::ALL.iter().enumerate() {
            assert_eq!(*finding as usize, index, "{}", finding.as_str());
        }
    }

    #[test]
    fn authoritative_are_those_that_tell_of_a_zone() {
        for finding in Finding::ALL {
            let beside = [Finding::Chaos, Finding::Cookie];
            let name = finding.as_str();
            let of_a_zone = name.starts_with("answered_") || name.ends_with("_without_live");
            let tells = of_a_zone && !beside.contains(finding);
            assert_eq!(finding.is_authoritative(), tells, "{}", finding.as_str());
        }
    }
}
