//! The languages of realistic values.

/// The language of generated names, places and texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Locale {
    /// English
    #[default]
    En,
    /// Arabic
    Ar,
    /// Welsh
    Cy,
    /// German
    De,
    /// Persian
    Fa,
    /// French
    Fr,
    /// Italian
    It,
    /// Japanese
    Ja,
    /// Dutch
    Nl,
    /// Brazilian Portuguese
    PtBr,
    /// European Portuguese
    PtPt,
    /// Turkish
    Tr,
    /// Simplified Chinese
    ZhCn,
    /// Traditional Chinese
    ZhTw,
}
