//! What a DNS server must answer, as the file says it.

use std::net::IpAddr;

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RecordType},
};

use crate::{
    cluster::{Dns, Transport},
    config::{
        file,
        mistakes::{Mistakes, Span},
    },
};

pub(super) fn dns(table: &file::Probe, places: &[Span], mistakes: &mut Mistakes<'_>) -> Dns {
    let is_missing = table.query.is_none() && !places.iter().any(|at| mistakes.was_wrong(at, "query"));
    if let (true, Some(cluster)) = (is_missing, places.last()) {
        let advice = "give the name to ask for, such as that of a zone that the server has";
        mistakes.add(cluster, format!("`query` is missing: {advice}"));
    }
    let type_is_known = !places.iter().any(|at| mistakes.was_wrong(at, "query_type"));
    let record_type = table.query_type.as_ref().map_or(RecordType::SOA, |given| given.get_ref().0);
    Dns {
        name: table.query.as_ref().map_or_else(Name::root, |name| name.get_ref().0.clone()),
        record_type,
        transport: table.transport.as_ref().map_or(Transport::Udp, |transport| transport.get_ref().0),
        rcodes: rcodes(table, mistakes),
        address: address(table, record_type, type_is_known, mistakes),
    }
}

fn rcodes(table: &file::Probe, mistakes: &mut Mistakes<'_>) -> Vec<ResponseCode> {
    let Some(given) = &table.rcode else { return vec![ResponseCode::NoError] };
    let (at, rcodes) = (given.span(), &given.get_ref().0);
    if rcodes.is_empty() && !mistakes.lost_element(&at) {
        mistakes.add(&at, "`rcode` is empty, so no reply would do: list some, or take it away");
    }
    rcodes.iter().map(|rcode| rcode.0).collect()
}

fn address(
    table: &file::Probe,
    record_type: RecordType,
    type_is_known: bool,
    mistakes: &mut Mistakes<'_>,
) -> Option<IpAddr> {
    let given = table.expect_address.as_ref()?;
    let address = given.get_ref().0;
    let wanted = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    if record_type != wanted && type_is_known {
        let advice = format!("set query_type = \"{wanted}\", or take it away");
        mistakes.add(
            &given.span(),
            format!("`expect_address` can't be in an answer of type {record_type}: {advice}"),
        );
    }
    Some(address)
}
