//! The words of realistic values. Names, countries, states, streets and companies come from the lists of `fake`. Other lists
//! are here, because `fake` has a generator in place of a list, or lacks the words of a locale.

use fake::locales::{
    AR_SA, CY_GB, DE_DE, Data, EN, FA_IR, FR_FR, IT_IT, JA_JP, NL_NL, PT_BR, PT_PT, TR_TR, ZH_CN, ZH_TW,
};

pub(super) type Words = &'static [&'static str];

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

/// The words of a locale.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) first_names: Words,
    pub(super) last_names: Words,
    pub(super) name_order: NameOrder,
    pub(super) countries: Words,
    pub(super) states: Words,
    pub(super) state_codes: Words,
    pub(super) cities: Words,
    /// `#` stands for a digit, `$` for a capital letter.
    pub(super) postal_code: &'static [u8],
    pub(super) street_suffixes: Words,
    pub(super) street_order: StreetOrder,
    pub(super) company_suffixes: Words,
    /// Whole sentences. If there are none, sentences are put together from English parts.
    pub(super) sentences: Words,
}

/// The order of the parts of a person's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameOrder {
    GivenFirst,
    FamilyFirst,
    /// Family first, without a space.
    FamilyFirstTogether,
}

/// The order of the parts of a street address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreetOrder {
    /// `12 Oak Street`
    NumberNameSuffix,
    /// `Lindenweg 12`
    TogetherNumber,
    /// `Atatürk Caddesi 12`
    NameSuffixNumber,
    /// `12 Rue Martin`
    NumberSuffixName,
    /// `Via Roma 12`
    SuffixNameNumber,
}

impl Lists {
    pub(super) fn of(locale: Locale) -> &'static Lists {
        match locale {
            Locale::En => &ENGLISH,
            Locale::Ar => &ARABIC,
            Locale::Cy => &WELSH,
            Locale::De => &GERMAN,
            Locale::Fa => &PERSIAN,
            Locale::Fr => &FRENCH,
            Locale::It => &ITALIAN,
            Locale::Ja => &JAPANESE,
            Locale::Nl => &DUTCH,
            Locale::PtBr => &BRAZILIAN,
            Locale::PtPt => &PORTUGUESE,
            Locale::Tr => &TURKISH,
            Locale::ZhCn => &CHINESE,
            Locale::ZhTw => &TAIWANESE,
        }
    }

    /// Returns the lists of `fake` for a locale, which are English where it has none. It has neither cities nor sentences.
    const fn from_fake<L: Data>() -> Lists {
        Lists {
            first_names: L::NAME_FIRST_NAME,
            last_names: L::NAME_LAST_NAME,
            name_order: NameOrder::GivenFirst,
            countries: L::ADDRESS_COUNTRY,
            states: L::ADDRESS_STATE,
            state_codes: L::ADDRESS_STATE_ABBR,
            cities: &[],
            postal_code: b"#####",
            street_suffixes: L::ADDRESS_STREET_SUFFIX,
            street_order: StreetOrder::NumberNameSuffix,
            company_suffixes: L::COMPANY_SUFFIX,
            sentences: &[],
        }
    }
}

pub(super) static ENGLISH: Lists = Lists {
    cities: &[
        "Austin", "Baltimore", "Birmingham", "Boston", "Bristol", "Chicago", "Cork", "Denver", "Edinburgh", "Halifax",
        "Houston", "Leeds", "London", "Manchester", "Melbourne", "Oakland", "Perth", "Portland", "Seattle", "Toronto",
    ],
    ..Lists::from_fake::<EN>()
};
static ARABIC: Lists = Lists {
    cities: &["الرياض", "جدة", "مكة", "المدينة", "الدمام", "الطائف", "تبوك", "أبها", "بريدة", "حائل"],
    sentences: &["وصل الطلب في الموعد.", "شكرا على سرعة الرد.", "يرجى الاتصال صباحا.", "المنتج كما في الوصف."],
    street_order: StreetOrder::SuffixNameNumber,
    street_suffixes: &["شارع", "طريق"],
    company_suffixes: &["للتجارة", "وشركاه", "القابضة"],
    countries: &["السعودية", "مصر", "المغرب", "الأردن", "الكويت", "عمان", "تونس", "اليابان", "ألمانيا", "الهند"],
    states: &["الرياض", "القصيم", "عسير", "تبوك", "حائل", "نجران", "الجوف"],
    ..Lists::from_fake::<AR_SA>()
};
static WELSH: Lists = Lists {
    cities: &["Caerdydd", "Abertawe", "Casnewydd", "Bangor", "Aberystwyth", "Wrecsam", "Caernarfon", "Llanelli", "Dinbych"],
    postal_code: b"$$## #$$",
    sentences: &["Cyrhaeddodd yr archeb mewn pryd.", "Diolch am yr ateb cyflym.", "Ffoniwch yn y bore.", "Mae popeth yn iawn."],
    company_suffixes: &["Cyf", "a'i Feibion", "a Phartneriaid"],
    states: &["Ceredigion", "Clwyd", "Dyfed", "Gwent", "Gwynedd", "Morgannwg", "Powys"],
    ..Lists::from_fake::<CY_GB>()
};
static GERMAN: Lists = Lists {
    cities: &["Berlin", "Bremen", "Dresden", "Düsseldorf", "Frankfurt", "Hamburg", "Köln", "Leipzig", "München", "Nürnberg"],
    sentences: &["Die Lieferung kam pünktlich.", "Danke für die schnelle Antwort.", "Bitte vormittags anrufen.", "Größe passt."],
    street_order: StreetOrder::TogetherNumber,
    countries: &["Belgien", "Deutschland", "Dänemark", "Italien", "Japan", "Österreich", "Polen", "Schweden", "Schweiz"],
    ..Lists::from_fake::<DE_DE>()
};
static PERSIAN: Lists = Lists {
    cities: &["تهران", "مشهد", "اصفهان", "شیراز", "تبریز", "کرج", "اهواز", "رشت", "یزد", "همدان"],
    postal_code: b"##########",
    sentences: &["سفارش به موقع رسید.", "از پاسخ سریع شما متشکرم.", "لطفا صبح تماس بگیرید.", "همه چیز درست است."],
    street_order: StreetOrder::SuffixNameNumber,
    ..Lists::from_fake::<FA_IR>()
};
static FRENCH: Lists = Lists {
    cities: &["Bordeaux", "Grenoble", "Lille", "Lyon", "Marseille", "Montréal", "Nantes", "Nice", "Orléans", "Paris", "Rennes"],
    sentences: &["La commande est arrivée à l'heure.", "Merci pour la réponse.", "Appelez le matin.", "Très bonne qualité."],
    street_order: StreetOrder::NumberSuffixName,
    company_suffixes: &["SARL", "SAS", "SA", "et Fils", "et Associés"],
    states: &["Bretagne", "Corse", "Île-de-France", "Normandie", "Occitanie", "Pays de la Loire"],
    ..Lists::from_fake::<FR_FR>()
};
static ITALIAN: Lists = Lists {
    cities: &["Bari", "Bologna", "Firenze", "Genova", "Milano", "Napoli", "Palermo", "Roma", "Torino", "Trieste", "Venezia"],
    sentences: &["L'ordine è arrivato in tempo.", "Grazie per la risposta.", "Chiamare di mattina.", "La qualità è ottima."],
    street_order: StreetOrder::SuffixNameNumber,
    ..Lists::from_fake::<IT_IT>()
};
static JAPANESE: Lists = Lists {
    cities: &["東京", "大阪", "京都", "名古屋", "札幌", "福岡", "仙台", "広島", "神戸", "横浜"],
    postal_code: b"###-####",
    sentences: &["商品は予定どおり届きました。", "早いお返事をありがとうございます。", "午前中にお電話ください。", "問題ありません。"],
    name_order: NameOrder::FamilyFirst,
    street_order: StreetOrder::TogetherNumber,
    street_suffixes: &["通り", "町", "台"],
    countries: &["日本", "韓国", "中国", "インド", "フランス", "ドイツ", "ブラジル", "カナダ", "エジプト", "ペルー"],
    states: &["北海道", "青森県", "東京都", "京都府", "大阪府", "兵庫県", "福岡県", "沖縄県"],
    ..Lists::from_fake::<JA_JP>()
};
static DUTCH: Lists = Lists {
    cities: &["Amsterdam", "Arnhem", "Breda", "Delft", "Den Haag", "Eindhoven", "Groningen", "Leiden", "Rotterdam", "Utrecht"],
    postal_code: b"#### $$",
    sentences: &["De bestelling kwam op tijd.", "Bedankt voor het snelle antwoord.", "Graag 's ochtends bellen.", "Alles in orde."],
    street_order: StreetOrder::TogetherNumber,
    ..Lists::from_fake::<NL_NL>()
};
static BRAZILIAN: Lists = Lists {
    cities: &["Belém", "Brasília", "Curitiba", "Fortaleza", "Manaus", "Natal", "Recife", "Salvador", "São Paulo", "Vitória"],
    postal_code: b"#####-###",
    sentences: &["O pedido chegou no prazo.", "Obrigado pela resposta rápida.", "Ligue pela manhã.", "Ótima qualidade."],
    street_order: StreetOrder::SuffixNameNumber,
    countries: PT_PT::ADDRESS_COUNTRY,
    ..Lists::from_fake::<PT_BR>()
};
static PORTUGUESE: Lists = Lists {
    cities: &["Aveiro", "Braga", "Coimbra", "Évora", "Faro", "Guimarães", "Lisboa", "Porto", "Setúbal", "Viseu"],
    postal_code: b"####-###",
    sentences: &["A encomenda chegou a tempo.", "Obrigado pela resposta.", "Ligue de manhã.", "Está tudo em ordem."],
    street_order: StreetOrder::SuffixNameNumber,
    ..Lists::from_fake::<PT_PT>()
};
static TURKISH: Lists = Lists {
    cities: &["Adana", "Ankara", "Antalya", "Bursa", "Diyarbakır", "İstanbul", "İzmir", "Kayseri", "Muğla", "Trabzon"],
    sentences: &["Sipariş zamanında geldi.", "Hızlı yanıt için teşekkürler.", "Lütfen sabah arayın.", "Ürün çok güzel."],
    street_order: StreetOrder::NameSuffixNumber,
    company_suffixes: &["A.Ş.", "Ltd. Şti.", "ve Oğulları"],
    ..Lists::from_fake::<TR_TR>()
};
static CHINESE: Lists = Lists {
    cities: &["北京", "上海", "广州", "深圳", "成都", "杭州", "南京", "武汉", "西安", "重庆"],
    postal_code: b"######",
    sentences: &["订单按时送达。", "感谢您的快速回复。", "请在上午来电。", "质量很好。"],
    name_order: NameOrder::FamilyFirstTogether,
    street_order: StreetOrder::TogetherNumber,
    states: &["四川", "山东", "广东", "江苏", "河北", "浙江", "湖南", "福建", "陕西"],
    ..Lists::from_fake::<ZH_CN>()
};
static TAIWANESE: Lists = Lists {
    cities: &["臺北", "新北", "桃園", "臺中", "臺南", "高雄", "基隆", "新竹", "嘉義", "花蓮"],
    sentences: &["訂單準時送達。", "感謝您的快速回覆。", "請於上午來電。", "品質很好。"],
    name_order: NameOrder::FamilyFirstTogether,
    street_order: StreetOrder::TogetherNumber,
    street_suffixes: &["路", "街", "大道"],
    company_suffixes: &["有限公司", "股份有限公司"],
    countries: &["臺灣", "日本", "韓國", "印度", "法國", "德國", "巴西", "加拿大", "埃及", "秘魯"],
    states: &["新竹縣", "苗栗縣", "彰化縣", "南投縣", "雲林縣", "屏東縣", "花蓮縣"],
    ..Lists::from_fake::<ZH_TW>()
};

/// Codes of ISO 3166. The list of `fake` has one of them twice.
pub(super) const COUNTRY_CODES: Words = &[
    "DE", "FR", "GB", "US", "JP", "BR", "IN", "CN", "ES", "IT", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PL",
    "CZ", "SK", "HU", "RO", "BG", "GR", "PT", "IE", "IS", "EE", "LV", "LT", "UA", "TR", "IL", "SA", "AE", "EG", "MA",
    "NG", "KE", "ZA", "CA", "MX", "AR", "CL", "CO", "PE", "AU", "NZ", "SG", "MY", "TH", "VN", "ID", "PH", "KR", "TW",
    "KZ", "GE", "AM",
];
pub(super) const USER_AGENTS: Words = EN::INTERNET_USER_AGENT;
pub(super) const TIME_ZONES: Words = &[
    "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "America/Sao_Paulo", "Africa/Nairobi",
    "Australia/Sydney", "Asia/Kolkata", "Pacific/Auckland", "America/Los_Angeles", "Europe/Kyiv", "Asia/Kathmandu", "UTC",
];
pub(super) const CURRENCIES: Words = &[
    "EUR", "USD", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "CZK", "BRL", "INR", "CNY", "KRW", "MXN",
    "ZAR", "NZD", "SGD", "TRY", "ILS", "KWD", "CLP",
];
pub(super) const LANGUAGES: Words =
    &["en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs", "tr", "ar", "he", "ja", "zh", "ko", "hi", "cy"];
pub(super) const LOCALES: Words =
    &["en-US", "en-GB", "de-DE", "fr-FR", "es-MX", "it-IT", "pt-BR", "nl-NL", "pl-PL", "tr-TR", "ar-SA", "ja-JP", "zh-TW"];
pub(super) const MIME_TYPES: Words = &[
    "text/plain", "text/html", "text/csv", "image/png", "image/jpeg", "image/webp", "application/pdf", "application/json",
    "application/zip", "audio/mpeg", "video/mp4", "application/octet-stream",
];
pub(super) const FLAGS: Words = &["true", "false"];
pub(super) const STATUSES: Words = &["new", "active", "pending", "done", "failed", "paused", "closed", "archived"];
/// Statuses of HTTP.
pub(super) const STATUS_CODES: &[u16] = &[200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 429, 500, 502, 503];
pub(super) const EXTENSIONS: Words = &["txt", "pdf", "png", "jpg", "csv", "json", "zip", "mp3", "md", "docx", "xml", "svg"];
pub(super) const JOBS: Words = &[
    "Accountant", "Architect", "Baker", "Carpenter", "Chemist", "Designer", "Editor", "Electrician", "Engineer", "Gardener",
    "Librarian", "Midwife", "Nurse", "Photographer", "Pilot", "Product Manager", "Sales Assistant", "Teacher", "Translator",
];

/// For slugs, hosts, files and labels, in lower case. 64 of each, so that six bits of a draw choose one.
pub(super) static ADJECTIVES: [&str; 64] = [
    "amber", "bold", "brave", "bright", "calm", "clear", "crisp", "early", "fair", "gentle", "golden", "grand", "green",
    "happy", "hidden", "humble", "keen", "kind", "late", "light", "little", "lively", "lucky", "mellow", "narrow", "noble",
    "northern", "open", "patient", "plain", "proud", "quick", "quiet", "rapid", "royal", "rustic", "scarlet", "secret",
    "sharp", "silent", "silver", "simple", "sleepy", "slow", "small", "smooth", "solid", "southern", "steady", "still",
    "sunny", "sweet", "swift", "tidy", "tiny", "true", "velvet", "vivid", "warm", "western", "wild", "winter", "wise", "young",
];
pub(super) static NOUNS: [&str; 64] = [
    "anchor", "apple", "arrow", "autumn", "badger", "beacon", "birch", "bridge", "brook", "canyon", "cedar", "cloud",
    "comet", "copper", "coral", "crane", "dawn", "delta", "ember", "falcon", "fern", "field", "forest", "garden", "glacier",
    "harbor", "hazel", "heron", "hill", "island", "jasper", "lagoon", "lake", "lantern", "leaf", "maple", "meadow", "moon",
    "morning", "mountain", "ocean", "orchid", "otter", "pebble", "pine", "planet", "prairie", "quartz", "rain", "raven",
    "river", "rose", "sail", "shadow", "sky", "sparrow", "spring", "star", "stone", "summit", "thunder", "valley", "willow",
    "wind",
];
pub(super) const MATERIALS: Words = &[
    "Bamboo", "Brass", "Canvas", "Ceramic", "Copper", "Cork", "Cotton", "Glass", "Granite", "Leather", "Linen", "Marble",
    "Oak", "Paper", "Pine", "Silk", "Steel", "Walnut", "Wicker", "Wool",
];
pub(super) const GOODS: Words = &[
    "Apron", "Backpack", "Basket", "Blanket", "Bowl", "Box", "Chair", "Clock", "Cup", "Desk", "Frame", "Gloves", "Hat",
    "Jacket", "Kettle", "Lamp", "Mirror", "Mug", "Notebook", "Pillow", "Plate", "Rug", "Scarf", "Shelf", "Shirt", "Stool",
    "Table", "Teapot", "Towel", "Tray", "Vase", "Wallet",
];
/// A sentence has one part from each of these three lists.
pub(super) const BEGINNINGS: Words = &[
    "The order", "Everything", "The last parcel", "The second half", "Our team", "This version", "The first draft",
    "The room upstairs", "Half of it", "The long answer", "The new colour", "The small print", "Nobody here", "The map",
    "The spare part", "The old one",
];
pub(super) const MIDDLES: Words = &[
    " arrived", " works", " was checked", " needs another look", " fits well", " was changed", " still has to be read",
    " can wait", " looks better", " was moved", " is missing", " took longer", " was good", " came back", " stays as it is",
    " is ready",
];
pub(super) const ENDINGS: Words = &[
    " on time.", " since the move.", " before lunch.", " as described.", " after the holidays.", " for now.",
    " without any trouble.", " in the end.", " for the third time.", " next to the window.", " until Friday.",
    " at last.", " as far as I know.", " thanks to Sam.", " by the look of it.", " in the morning.",
];
