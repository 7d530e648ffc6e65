use serde::Serialize;

/// A language the API speaks to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Brazilian Portuguese.
    #[serde(rename = "pt-BR")]
    PtBr,
}

impl Language {
    /// The first language of an `Accept-Language` header that is spoken here; English if there is none.
    /// Weights are not read: browsers send their languages in order of preference.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let tags = header.split(',').map(|tag| tag.trim().to_ascii_lowercase());
        tags.filter_map(|tag| match tag.get(..2) {
            Some("pt") => Some(Self::PtBr),
            Some("en") => Some(Self::En),
            _ => None,
        })
        .next()
        .unwrap_or_default()
    }
}

macro_rules! told {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $en:literal, $pt:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every code of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn text(self, language: crate::why::Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, crate::why::Language::En) => $en,
                      (Self::$variant, crate::why::Language::PtBr) => $pt,)*
                }
            }
        }
    };
}
pub(crate) use told;

told! {
    /// A reason that took part in a decision. The list is closed: dashboards translate by code.
    Why {
        /// The request named the protocol.
        ProtocolAsked = "protocol-asked",
            "the request asks for this protocol",
            "a requisição pede este protocolo";
        /// The camera's configuration names the protocol.
        ProtocolPinned = "protocol-pinned",
            "the camera's configuration names this protocol",
            "a configuração da câmera define este protocolo";
        /// `auto`: WebRTC has the lowest delay.
        ProtocolLowestDelay = "protocol-lowest-delay",
            "WebRTC has the lowest delay, and this node serves it",
            "WebRTC tem o menor atraso, e este nó o oferece";
        /// `auto` with a class that another protocol would serve, but this node speaks only WebRTC.
        ProtocolOnlyOne = "protocol-only-one",
            "this node serves WebRTC only",
            "este nó oferece apenas WebRTC";
        /// The request named the tier.
        TierAsked = "tier-asked",
            "the request asks for this tier",
            "a requisição pede este fluxo";
        /// The camera's configuration names the tier.
        TierPinned = "tier-pinned",
            "the camera's configuration names this tier",
            "a configuração da câmera define este fluxo";
        /// The camera offers no other.
        TierOnlyOne = "tier-only-one",
            "the camera offers this tier only",
            "a câmera oferece apenas este fluxo";
        /// The smallest picture that fills the tile.
        TierByTile = "tier-by-tile",
            "the smallest picture that fills the tile",
            "a menor imagem que preenche o quadro";
        /// No picture fills the tile; this is the largest.
        TierLargest = "tier-largest",
            "no tier fills the tile; this is the largest picture",
            "nenhum fluxo preenche o quadro; esta é a maior imagem";
        /// No tile was named; small pictures cost least.
        TierSmallest = "tier-smallest",
            "no tile size was given; the smaller picture costs less",
            "o tamanho do quadro não foi informado; a imagem menor custa menos";
        /// Another tier would fit better but cannot be played.
        TierByCodec = "tier-by-codec",
            "the tier that would fit better is in a form browsers do not play over WebRTC",
            "o fluxo mais adequado está em um formato que navegadores não reproduzem por WebRTC";
        /// There is one node.
        NodeOnlyOne = "node-only-one",
            "there is one media node",
            "há um único nó de mídia";
        /// Video comes through the site's edge over the WAN.
        PathEdge = "path-edge",
            "the site's edge sends it over its link",
            "o edge do local envia por seu enlace";
        /// Pictures are in memory; the start is quick.
        FeedWarm = "feed-warm",
            "pictures of this tier are in memory; it starts at once",
            "imagens deste fluxo estão em memória; inicia de imediato";
        /// Somebody watches it already.
        FeedShared = "feed-shared",
            "it is being watched already; no further pull is made",
            "já está sendo assistido; nenhuma nova conexão à câmera é feita";
        /// The codec is not known yet.
        CodecUnknown = "codec-unknown",
            "the camera's codec is not known yet; it is checked when pictures come",
            "o codec da câmera ainda não é conhecido; será verificado quando houver imagens";
        /// The camera has trouble; the picture comes when it is gone.
        CameraTrouble = "camera-trouble",
            "the camera has trouble; the picture comes by itself when it is over",
            "a câmera está com problema; a imagem vem por si só quando passar";
        /// The edge is away; the picture comes when it is back.
        DeviceOffline = "device-offline",
            "the site's edge is not connected; the picture comes by itself when it is",
            "o edge do local não está conectado; a imagem vem por si só quando estiver";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_text_exists_in_both_languages() {
        let codes: std::collections::BTreeSet<_> = Why::ALL.iter().map(|why| why.code()).collect();
        assert_eq!(codes.len(), Why::ALL.len());
        for why in Why::ALL {
            assert!(!why.text(Language::En).is_empty());
            assert_ne!(why.text(Language::En), why.text(Language::PtBr), "{why:?}");
        }
    }

    #[test]
    fn the_first_spoken_language_of_the_header_wins() {
        assert_eq!(Language::accepted("de, pt-BR;q=0.9, en;q=0.8"), Language::PtBr);
        assert_eq!(Language::accepted("en-US,pt"), Language::En);
        assert_eq!(Language::accepted(""), Language::En);
        assert_eq!(Language::accepted("é"), Language::En);
    }
}
