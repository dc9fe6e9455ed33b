//! What all images of a configuration have in common.

use std::sync::Arc;

use super::{draws::Draws, index::Places, prefixes};
use crate::{
    cluster::Model,
    image::{Names, Prefixes},
};

/// It follows from the model alone.
#[derive(Debug)]
pub struct Basis {
    pub(crate) prefixes: Arc<Prefixes>,
    pub(crate) draws: Draws,
    pub(super) places: Places,
    pub(super) names: Arc<Names>,
}

impl Basis {
    pub fn new(model: &Model) -> Self {
        Self::with_prefixes(model, prefixes(model))
    }

    /// The same, with the model's [`prefixes`].
    pub(super) fn with_prefixes(model: &Model, prefixes: Arc<Prefixes>) -> Self {
        let names = Arc::new(Names::new(model));
        Self { prefixes, draws: Draws::default(), places: Places::new(model), names }
    }
}
