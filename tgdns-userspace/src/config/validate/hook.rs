//! Commands that are told of servers' changes.

use std::time::Duration;

use toml::Spanned;

use crate::{
    cluster::{Hook, Occasion},
    config::{
        file::{self, Tables},
        mistakes::Mistakes,
    },
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn hooks(tables: Tables<file::Hook>, mistakes: &mut Mistakes<'_>) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for table in tables.map(Spanned::into_inner).unwrap_or_default() {
        let at = table.span();
        let table = table.into_inner().0;
        let advice = "give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"]";
        let command = mistakes.required(table.command, &at, "command", advice);
        if let Some(command) = &command {
            let list = command.span();
            match command.get_ref().first() {
                None if mistakes.lost_element(&list) => {}
                None => mistakes.add(&list, format!("`command` is empty: {advice}")),
                Some(program) if program.get_ref().starts_with('/') => {}
                Some(program) => {
                    let advice = "write its absolute path: no shell looks for it";
                    mistakes.add(&program.span(), format!("{:?} is no path: {advice}", program.get_ref()));
                }
            }
        }
        if let Some(on) = &table.on
            && on.get_ref().is_empty()
            && !mistakes.lost_element(&on.span())
        {
            mistakes
                .add(&on.span(), "`on` is empty, so that it is never run: take it away for all occasions");
        }
        let on = table.on.map(|on| on.into_inner().into_iter().map(|word| word.into_inner().0).collect());
        hooks.push(Hook {
            command: command
                .map(|words| words.into_inner().into_iter().map(Spanned::into_inner).collect())
                .unwrap_or_default(),
            on: on.unwrap_or_else(|| Occasion::ALL.to_vec()),
            timeout: table.timeout.map_or(DEFAULT_TIMEOUT, |time| time.into_inner().0),
        });
    }
    hooks
}
