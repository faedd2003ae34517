//! Values of flags that have names, so that help, completions and suggestions know them.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use nono::{Gap, Privilege};

/// A gap by its name.
pub(crate) fn gaps() -> impl TypedValueParser<Value = Gap> {
    let values = Gap::ALL.map(|gap| PossibleValue::new(gap.name()).help(gap.meaning()));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

/// A privilege by the name of capabilities(7), with or without `CAP_`.
pub(crate) fn privileges() -> impl TypedValueParser<Value = Privilege> {
    let value = |privilege: &Privilege| {
        let name = privilege.name();
        let short = name.strip_prefix("cap_").unwrap_or(name);
        PossibleValue::new(short).alias(name).help(privilege.risk())
    };
    PossibleValuesParser::new(Privilege::ALL.iter().map(value)).try_map(|name| name.parse())
}
