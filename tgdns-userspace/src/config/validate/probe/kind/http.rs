//! What an HTTP server must answer, as the file says it.

use hyper::{Method, header::HeaderValue};

use crate::{
    cluster::{Http, Pattern, StatusSet, Tls},
    config::{
        file,
        leaf::Body,
        mistakes::{Mistakes, Span},
    },
};

/// `cluster` is its name, which servers are asked for where the table says nothing else; `tls` is that of a host.
pub(super) fn http(
    table: &file::Probe,
    places: &[Span],
    cluster: &str,
    tls: impl FnOnce(&str, &mut Mistakes<'_>) -> Option<Tls>,
    mistakes: &mut Mistakes<'_>,
) -> Http {
    let host = table.host.as_ref().map(|host| &host.get_ref().0);
    let method = table.method.as_ref().map_or(Method::GET, |method| method.get_ref().0.clone());
    let method_is_known = !places.iter().any(|at| mistakes.was_wrong(at, "method"));
    if let Some(body) = &table.body
        && method == Method::HEAD
    {
        let advice = "set method = \"GET\", or take it away";
        mistakes.add(&body.span(), format!("`body` can't match, as no body answers HEAD: {advice}"));
    }
    let path = table.path.as_ref().map_or_else(Default::default, |path| path.get_ref().0.clone());
    if let Some(given) = &table.path
        && path == "*"
        && method != Method::OPTIONS
        && method_is_known
    {
        let advice = "set method = \"OPTIONS\", or write a path from \"/\"";
        mistakes.add(&given.span(), format!("`path` can be \"*\" for OPTIONS alone: {advice}"));
    }
    Http {
        method,
        path,
        host: HeaderValue::from_str(host.map_or(cluster, |host| host.as_str()))
            .unwrap_or_else(|_| HeaderValue::from_static("")),
        headers: table.headers.as_ref().map_or_else(Vec::new, |headers| headers.get_ref().0.clone()),
        status: status(table, mistakes),
        body: body(table, mistakes),
        tls: tls(host.map_or(cluster, |host| host.host().trim_matches(['[', ']'])), mistakes),
    }
}

fn status(table: &file::Probe, mistakes: &mut Mistakes<'_>) -> StatusSet {
    let Some(given) = &table.status else { return StatusSet::default() };
    let (at, ranges) = (given.span(), &given.get_ref().0);
    if ranges.is_empty() && !mistakes.lost_element(&at) {
        mistakes.add(&at, "`status` is empty, so no response would do: list some, or take it away");
    }
    StatusSet(ranges.iter().map(|range| range.0.clone()).collect())
}

fn body(table: &file::Probe, mistakes: &mut Mistakes<'_>) -> Option<Pattern> {
    let given = table.body.as_ref()?;
    match given.get_ref() {
        Body::Text(text) => Some(Pattern::Text(text.clone())),
        Body::Table(table) => {
            let advice = "write { regex = \"^ok$\" }, or a text in quotes";
            let regex = mistakes.required(table.regex.clone(), &given.span(), "regex", advice);
            regex.map(|regex| Pattern::Regex(regex.into_inner().0))
        }
    }
}
