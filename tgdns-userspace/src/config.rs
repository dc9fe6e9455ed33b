//! The configuration file: read, checked as a whole, and turned into the model.
//!
//! Three steps, each in its own module: `read` turns the text into the serde types of `file`, whose leaves (`leaf`)
//! check what one value can tell; `validate` checks what several values tell together and builds the
//! [`Model`]. All three report into one list of `mistakes`, so that one run names everything that is wrong.

mod any;
mod count;
mod file;
mod leaf;
mod mistakes;
mod read;
mod validate;

#[cfg(test)]
mod tests;

use std::{fmt, fs, path::Path};

use crate::cluster::Model;
use mistakes::{Mistakes, position};

/// The most servers that one cluster may have.
pub const MOST_SERVERS: u32 = 64;

/// The longest wire form of a cluster's name, in bytes, length bytes and the root's zero included: the fast path
/// compares names in this many bytes.
pub const LONGEST_WIRE_NAME: usize = 64;

/// Reads and validates a whole file.
///
/// # Errors
/// Every mistake in the file, or the one cause why it can't be read.
pub fn load(path: &Path) -> Result<Model, ConfigErrors> {
    let file_name = path.display().to_string();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Err(ConfigErrors::unreadable(file_name, &error)),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, &file_name),
        Err(error) => Err(ConfigErrors::not_text(file_name, &bytes, error.valid_up_to())),
    }
}

/// Reads and validates a file's text; `file_name` is what the mistakes are reported under.
///
/// # Errors
/// Every mistake in the text, in its order.
pub fn parse(text: &str, file_name: &str) -> Result<Model, ConfigErrors> {
    let mut mistakes = Mistakes::new(text);
    let model = read::file(text, &mut mistakes).map(|file| validate::model(file, &mut mistakes));
    let errors = mistakes.into_errors();
    match model {
        Some(model) if errors.is_empty() => Ok(model),
        _ => Err(ConfigErrors { file_name: file_name.to_owned(), errors }),
    }
}

/// All that is wrong with one file. Its `Display` is one line for each mistake, `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    pub file_name: String,
    /// In the order of the file; never empty.
    pub errors: Vec<ConfigError>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// From 1; 0 where the file could not be read at all.
    pub line: usize,
    /// In characters, from 1; 0 where the file could not be read at all.
    pub column: usize,
    /// One line that says what is wrong and what to do.
    pub message: String,
}

impl ConfigErrors {
    fn unreadable(file_name: String, error: &std::io::Error) -> Self {
        let message = format!("cannot be read: {error}; name the file with --config");
        Self { file_name, errors: vec![ConfigError { line: 0, column: 0, message }] }
    }

    fn not_text(file_name: String, bytes: &[u8], offset: usize) -> Self {
        let valid = String::from_utf8_lossy(bytes.get(..offset).unwrap_or_default());
        let (line, column) = position(&valid, valid.len());
        let message = "this byte is not UTF-8 text; save the file as UTF-8".to_owned();
        Self { file_name, errors: vec![ConfigError { line, column, message }] }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ConfigError { line, column, message }) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            match line {
                0 => write!(formatter, "{}: {message}", self.file_name)?,
                _ => write!(formatter, "{}:{line}:{column}: {message}", self.file_name)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
