//! One report per output format.

use std::io::Write;

use crate::{
    cli::Format,
    report::{Json, Junit, Report, Table, Yaml},
};

/// A report of `count` monitors.
pub(super) fn report<'a>(format: Format, count: usize, out: impl Write + 'a) -> Box<dyn Report + 'a> {
    match format {
        Format::Table => Box::new(Table::narrow(out)),
        Format::Wide => Box::new(Table::wide(out)),
        Format::Json => Box::new(Json::new(out, count)),
        Format::Yaml => Box::new(Yaml::new(out, count)),
        Format::Junit => Box::new(Junit::of_places(out, "sslmonitor check")),
    }
}

/// Whether results appear one after the other, not all in the end.
pub(super) fn is_streamed(format: Format) -> bool {
    matches!(format, Format::Json | Format::Yaml)
}
