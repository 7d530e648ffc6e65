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
            "WebRTC has the lowest delay",
            "WebRTC tem o menor atraso";
        /// The latency class lets the picture be a second or more behind.
        ProtocolByClass = "protocol-by-class",
            "this latency class is served by HLS: it costs less and many can watch at once",
            "esta classe de latência é atendida por HLS: custa menos e muitos podem assistir ao mesmo tempo";
        /// The viewer found that WebRTC's packets do not get through.
        UdpBlocked = "udp-blocked",
            "this network lets no UDP through, so the picture comes over HTTP",
            "esta rede não deixa passar UDP; a imagem vem por HTTP";
        /// UDP is blocked and nothing but WebRTC plays the stream.
        WebrtcOverTcp = "webrtc-over-tcp",
            "only WebRTC plays this stream here; it is tried over TCP",
            "apenas WebRTC reproduz este fluxo aqui; será tentado por TCP";
        /// Sound is wanted and WebRTC does not carry its codec.
        AudioNeedsHls = "audio-needs-hls",
            "sound is wanted, and WebRTC does not carry this camera's audio codec; LL-HLS does",
            "o som foi pedido, e WebRTC não transporta o codec de áudio desta câmera; LL-HLS transporta";
        /// Sound is wanted and does not come this way.
        AudioNotCarried = "audio-not-carried",
            "the camera's audio codec does not come by this protocol; the picture is silent",
            "o codec de áudio da câmera não vem por este protocolo; a imagem fica sem som";
        /// WebRTC does not carry B-frames.
        BFramesNeedHls = "b-frames-need-hls",
            "the camera sends B-frames, which WebRTC does not show in order; HLS does",
            "a câmera envia quadros B, que WebRTC não mostra em ordem; HLS mostra";
        /// The viewer does not decode the codec over WebRTC.
        CodecNeedsHls = "codec-needs-hls",
            "this program does not decode the camera's codec over WebRTC, but it does over HLS",
            "este programa não decodifica o codec da câmera por WebRTC, mas decodifica por HLS";
        /// The viewer decodes the codec over WebRTC only.
        CodecNeedsWebrtc = "codec-needs-webrtc",
            "this program decodes the camera's codec over WebRTC only",
            "este programa decodifica o codec da câmera apenas por WebRTC";
        /// More LL-HLS would block the page.
        LlHlsLimit = "ll-hls-limit",
            "over HTTP/1.1 a page can hold four LL-HLS pictures; reach the hub over TLS (HTTP/2) for more",
            "por HTTP/1.1 uma página comporta quatro imagens LL-HLS; acesse o hub por TLS (HTTP/2) para mais";
        /// The viewer says that it decodes H.265 this way.
        H265Decoded = "h265-decoded",
            "the stream is H.265, and this program decodes it",
            "o fluxo é H.265, e este programa o decodifica";
        /// The same caller's live session goes on.
        SessionRunning = "session-running",
            "the session that the same caller started before goes on",
            "a sessão que o mesmo solicitante iniciou antes continua";
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
        /// The tile has the operator's attention.
        TierByFocus = "tier-by-focus",
            "the tile is looked at closely: the largest picture",
            "o quadro está em foco: a maior imagem";
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
            "the tier that would fit better is in a form this program does not play by this protocol",
            "o fluxo mais adequado está em um formato que este programa não reproduz por este protocolo";
        /// There is one node.
        NodeOnlyOne = "node-only-one",
            "there is one media node",
            "há um único nó de mídia";
        /// Video comes through the site's edge over the WAN.
        PathEdge = "path-edge",
            "the site's edge sends it over its link",
            "o edge do local envia por seu enlace";
        /// The node pulls the camera itself.
        PathNode = "path-node",
            "the media node pulls the camera itself",
            "o próprio nó de mídia conecta-se à câmera";
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
