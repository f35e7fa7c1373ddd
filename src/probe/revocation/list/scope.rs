//! Which certificates a list is about (RFC 5280 §5.2.5).

use super::{ListError, Subject, object};
use crate::probe::der::{Reader, context, implicit};

/// The most URLs of its own that a list may have.
const MAX_NAMES: usize = 16;

/// Which certificates a list is about (RFC 5280 §5.2.5).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    leaves_only: bool,
    authorities_only: bool,
    /// The URLs that it may be found at; empty when it does not say.
    names: Vec<String>,
}

// === impl Scope ===

impl Scope {
    /// Read an issuing distribution point.
    pub(super) fn read(&mut self, mut fields: Reader<'_>, objection: &mut Option<ListError>) -> Option<()> {
        const POINT: u8 = context(0);
        const LEAVES: u8 = implicit(1);
        const AUTHORITIES: u8 = implicit(2);
        const REASONS: u8 = implicit(3);
        const INDIRECT: u8 = implicit(4);
        const ATTRIBUTES: u8 = implicit(5);
        while !fields.is_empty() {
            let field = fields.any()?;
            let is_set = field.content != [0];
            match field.tag {
                POINT => self.read_names(Reader::new(field.content), objection)?,
                LEAVES => self.leaves_only = is_set,
                AUTHORITIES => self.authorities_only = is_set,
                INDIRECT if is_set => object(objection, ListError::Indirect)?,
                REASONS => object(objection, ListError::OutOfScope)?,
                ATTRIBUTES if is_set => object(objection, ListError::OutOfScope)?,
                INDIRECT | ATTRIBUTES => {}
                _ => return None,
            }
        }
        Some(())
    }

    fn read_names(&mut self, mut point: Reader<'_>, objection: &mut Option<ListError>) -> Option<()> {
        const FULL_NAME: u8 = context(0);
        const URL: u8 = implicit(6);
        let name = point.any()?;
        let mut names = Reader::new(name.content);
        while name.tag == FULL_NAME && !names.is_empty() && self.names.len() < MAX_NAMES {
            let name = names.any()?;
            if name.tag == URL {
                self.names.push(str::from_utf8(name.content).ok()?.to_owned());
            }
        }
        // A list at a place that is not named by a URL cannot be the one that was to be fetched from one.
        if self.names.is_empty() { object(objection, ListError::OtherPoint) } else { Some(()) }
    }

    /// Whether the list is about this certificate.
    pub(super) fn covers(&self, subject: &Subject) -> Result<(), ListError> {
        let Self { leaves_only, authorities_only, names } = self;
        if (*leaves_only && subject.is_authority) || (*authorities_only && !subject.is_authority) {
            return Err(ListError::OutOfScope);
        }
        // An issuer's certificates may be spread over many lists, and whoever is between could send another of them.
        if !names.is_empty() && !names.iter().any(|name| subject.urls.contains(name)) {
            return Err(ListError::OtherPoint);
        }
        Ok(())
    }

    /// The bytes that it takes, beside itself.
    pub(super) fn size(&self) -> usize {
        self.names.iter().map(|name| name.len() + size_of::<String>()).sum()
    }
}
