//! What the loaded program answers to a client: `tgdns query`.
//!
//! A query frame is built and given to the program in the kernel (BPF_PROG_TEST_RUN). Where it is not answered, the responder on
//! the host says why, over the tables that it reads from the same maps. The kernel counts the query like any other.

use std::{net::IpAddr, path::Path};

use anyhow::{Context as _, Result, ensure};
use aya::programs::{ProgramInfo, Xdp, loaded_programs};
use aya_obj::programs::XdpAttachType;
use serde::Serialize;
use tgdns_common::{query::Question, reason::Reason, respond, tables::Service};

use crate::{
    maps::Maps,
    responder::message::Message,
    xdp::{self, link},
};

mod frame;
mod message;

pub(crate) use frame::query as query_frame;
pub(crate) use message::question;

/// XDP_TX, of enum xdp_action in linux/bpf.h.
const TX: u32 = 3;
/// More than a reply is longer than its query, in bytes.
const ROOM: usize = 2048;
const ACTIONS: [&str; 5] = ["aborted", "dropped", "passed", "answered", "redirected"];

/// What became of a query.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub name: String,
    #[serde(rename = "type")]
    pub record_type: String,
    pub client: IpAddr,
    /// The service address that was asked.
    pub server: IpAddr,
    /// `answered`, `passed`, `dropped`.
    pub action: &'static str,
    /// Why it was not answered: a counter's name, and a sentence.
    pub reason: Option<Why>,
    pub reply: Option<message::Reply>,
}

/// A reason by its counter's name and in words.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub counter: &'static str,
    pub explanation: String,
}

/// Asks the program whose link is pinned in the directory.
///
/// # Errors
/// Nothing is pinned there, no service address is known, or the name or type can't be asked.
pub fn ask(pin_directory: &Path, name: &str, record_type: &str, from: Option<IpAddr>) -> Result<Answer> {
    let question = message::question(name, record_type)?;
    let maps = Maps::from_pins(pin_directory)?;
    let image = maps.image()?;
    let family = from.map(|client| if client.is_ipv4() { 4 } else { 6 });
    let service: Service = image
        .service_addresses()
        .filter(|service| family.is_none_or(|family| service.family == family))
        .min_by_key(|service| (service.family, service.vlans, service.address))
        .copied()
        .with_context(|| {
            format!(
                "the maps in {} hold no service address{}: is the interface up, and has `tgdns run` started?",
                pin_directory.display(),
                family.map_or_else(String::new, |family| format!(" of IPv{family}"))
            )
        })?;
    let server = frame::address(&service);
    let client = from.unwrap_or_else(|| frame::neighbour(server));
    let query = frame::query(&service, client, &question);

    let program = attached_program(pin_directory)?;
    let (action, reply) = xdp::test_run(&program, &query, 1)?;
    // An image is fresh: what it would answer was passed for being stale, where that is configured.
    let stale = image.passes_when_stale().then_some(Reason::Stale);
    let reason = (action != TX).then(|| reason(&image, &query).or(stale)).flatten();
    let reply = if action == TX { Some(message::parse(frame::payload(&reply)?)?) } else { None };
    Ok(Answer {
        name: name.to_owned(),
        record_type: record_type.to_uppercase(),
        client,
        server,
        action: ACTIONS.get(action as usize).copied().unwrap_or("unknown"),
        reason: reason.map(|reason| Why {
            counter: reason.as_str(),
            explanation: reason.explanation().trim().to_owned(),
        }),
        reply,
    })
}

/// As text, for people.
pub fn render(answer: &Answer) -> String {
    let mut text = format!(
        "{} {} from {} to {}: {}\n",
        answer.name, answer.record_type, answer.client, answer.server, answer.action
    );
    if let Some(reason) = &answer.reason {
        text += &format!("  because {}: {}\n", reason.counter, reason.explanation);
    }
    if let Some(reply) = &answer.reply {
        text += &reply.to_string();
    }
    text
}

/// What became of a frame, as the end of a sentence about the program.
pub(crate) fn in_words(action: u32, frame: &[u8]) -> String {
    if action != TX {
        return format!("{} it", ACTIONS.get(action as usize).copied().unwrap_or("did something else to"));
    }
    match frame::payload(frame).and_then(message::parse) {
        Ok(reply) => format!("answered {} {:?}", reply.rcode, reply.answers),
        Err(error) => format!("answered what is no reply ({error:#})"),
    }
}

/// A name in wire form, for people.
pub(crate) fn presentation(wire: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut rest = wire;
    while let Some((length, after)) = rest.split_first()
        && let Some((label, after)) = after.split_at_checked(usize::from(*length))
        && !label.is_empty()
    {
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = after;
    }
    labels.join(".")
}

fn attached_program(pin_directory: &Path) -> Result<Xdp> {
    let links = link::pinned(pin_directory)?;
    let (_, path) = links.first().with_context(|| {
        format!("no link is pinned in {}: is `tgdns run` with XDP started?", pin_directory.display())
    })?;
    let id = link::program_id(path)?;
    let info: ProgramInfo = loaded_programs()
        .flatten()
        .find(|program| program.id() == id)
        .with_context(|| format!("the kernel knows no program {id}"))?;
    ensure!(info.name_as_str() == Some(xdp::PROGRAM), "the pinned link holds another program");
    Ok(Xdp::from_program_info(info, xdp::PROGRAM.into(), XdpAttachType::Interface)?)
}

fn reason(image: &crate::image::Image, query: &[u8]) -> Option<Reason> {
    let mut buffer = query.to_vec();
    buffer.resize(query.len() + ROOM, 0);
    let mut message = Message::new(&mut buffer, query.len());
    respond::to_frame(&mut message, image, &mut Question::new()).err()
}
