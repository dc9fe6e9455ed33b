//! Who is told of servers' changes.

use std::time::Duration;

use toml::Spanned;

use super::authorities::authorities;
use crate::{
    cluster::{Call, Hook, Occasion, Tls, Trust, Webhook},
    config::{
        file::{self, Given, Tables},
        leaf::{AbsolutePath, Url},
        mistakes::{Mistakes, Span},
    },
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn hooks(tables: Tables<file::Hook>, mistakes: &mut Mistakes<'_>) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for table in tables.map(Spanned::into_inner).unwrap_or_default() {
        let at = table.span();
        let table = table.into_inner().0;
        if let Some(on) = &table.on
            && on.get_ref().is_empty()
            && !mistakes.lost_element(&on.span())
        {
            mistakes
                .add(&on.span(), "`on` is empty, so that it is never run: take it away for all occasions");
        }
        let on = table.on.map(|on| on.into_inner().into_iter().map(|word| word.into_inner().0).collect());
        hooks.push(Hook {
            call: call(table.command, table.url, table.ca, &at, mistakes),
            on: on.unwrap_or_else(|| Occasion::ALL.to_vec()),
            timeout: table.timeout.map_or(DEFAULT_TIMEOUT, |time| time.into_inner().0),
        });
    }
    hooks
}

fn call(
    words: Given<Vec<Spanned<String>>>,
    url: Given<Url>,
    ca: Given<AbsolutePath>,
    table: &Span,
    mistakes: &mut Mistakes<'_>,
) -> Call {
    let url_was_wrong = mistakes.was_wrong(table, "url");
    if let Some(ca) = &ca
        && !url_was_wrong
        && url.as_ref().is_none_or(|url| url.get_ref().url.scheme_str() != Some("https"))
    {
        mistakes.add(&ca.span(), "`ca` is of no use without a `url` of https: take it away");
    }
    match url {
        None => Call::Command(command(words, url_was_wrong, table, mistakes)),
        Some(url) => {
            if words.is_some() || mistakes.was_wrong(table, "command") {
                mistakes.add(&url.span(), "a hook has a `command` or a `url`: take one of them away");
            }
            Call::Webhook(webhook(url.into_inner(), ca.as_ref(), mistakes))
        }
    }
}

/// Its words; none are needed where there was to be a URL.
fn command(
    words: Given<Vec<Spanned<String>>>,
    has_url: bool,
    table: &Span,
    mistakes: &mut Mistakes<'_>,
) -> Vec<String> {
    let advice = "give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"]";
    let words = match words {
        None if has_url => None,
        words => mistakes.required(words, table, "command", &format!("{advice}, or a `url`")),
    };
    let Some(words) = words else { return Vec::new() };
    let list = words.span();
    match words.get_ref().first() {
        None if mistakes.lost_element(&list) => {}
        None => mistakes.add(&list, format!("`command` is empty: {advice}")),
        Some(program) if program.get_ref().starts_with('/') => {}
        Some(program) => {
            let advice = "write its absolute path: no shell looks for it";
            mistakes.add(&program.span(), format!("{:?} is no path: {advice}", program.get_ref()));
        }
    }
    let words = words.into_inner();
    for word in words.iter().filter(|word| word.get_ref().contains('\0')) {
        mistakes
            .add(&word.span(), "a zero byte ends a program's argument, so none may hold one: take it away");
    }
    words.into_iter().map(Spanned::into_inner).collect()
}

fn webhook(url: Url, ca: Option<&Spanned<AbsolutePath>>, mistakes: &mut Mistakes<'_>) -> Webhook {
    let Url { url, host } = url;
    let is_encrypted = url.scheme_str() == Some("https");
    let tls = is_encrypted.then(|| Tls {
        server_name: host.clone(),
        trust: ca.map_or(Trust::System, |ca| authorities(ca, mistakes)),
        expiry_warning: Duration::ZERO,
    });
    Webhook { url, host, tls }
}
