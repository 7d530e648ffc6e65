use crate::why::{Language, told};

told! {
    /// Why nothing is played. The list is closed; the code is the problem's `type`.
    RefusalCode {
        /// No such camera for this caller.
        CameraUnknown = "camera-unknown",
            "no such camera",
            "câmera inexistente";
        /// Switched off by its owner.
        CameraDisabled = "camera-disabled",
            "the camera is disabled; enable it to play it",
            "a câmera está desativada; ative-a para assistir";
        /// No engine here speaks the protocol.
        ProtocolUnavailable = "protocol-unavailable",
            "this hub serves WebRTC (WHEP) only; ask for protocol \"webrtc\" or \"auto\"",
            "este hub oferece apenas WebRTC (WHEP); peça o protocolo \"webrtc\" ou \"auto\"";
        /// The camera's configuration names another protocol than the request.
        ProtocolPinned = "protocol-pinned",
            "the camera's configuration names another protocol; ask for \"auto\"",
            "a configuração da câmera define outro protocolo; peça \"auto\"";
        /// The camera has no such tier.
        TierUnavailable = "tier-unavailable",
            "the camera does not offer this tier",
            "a câmera não oferece este fluxo";
        /// The camera's configuration names another tier than the request.
        TierPinned = "tier-pinned",
            "the camera's configuration names another tier; ask for \"auto\"",
            "a configuração da câmera define outro fluxo; peça \"auto\"";
        /// No browser plays what the camera sends.
        CodecUnsupported = "codec-unsupported",
            "browsers do not play what this camera sends over WebRTC; set its stream to H.264 without B-frames \
             (profile Baseline or Main), or give it a tier that is",
            "navegadores não reproduzem por WebRTC o que esta câmera envia; configure-a para H.264 sem quadros B \
             (perfil Baseline ou Main), ou cadastre um fluxo que seja";
        /// The viewer does not decode H.264.
        ViewerCodec = "viewer-codec",
            "the viewer says it does not play H.264, the only codec served",
            "o visualizador informa que não reproduz H.264, o único codec oferecido";
        /// There is no node to play from.
        NodeUnavailable = "node-unavailable",
            "no media node is available; try again in a moment",
            "nenhum nó de mídia está disponível; tente novamente em instantes";
        /// As many sessions are open as this hub carries.
        SessionsFull = "sessions-full",
            "this hub carries no more sessions; try again when others have ended",
            "este hub não comporta mais sessões; tente novamente quando outras terminarem";
    }
}

/// A camera is not played, with the reason and what is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// What exactly, such as the codec of each tier; empty if the code says it all.
    pub about: String,
}

impl Refusal {
    /// A refusal whose code says it all.
    #[must_use]
    pub const fn new(code: RefusalCode) -> Self {
        Self { code, about: String::new() }
    }

    /// A refusal about one thing.
    #[must_use]
    pub fn about(code: RefusalCode, about: impl Into<String>) -> Self {
        Self { code, about: about.into() }
    }

    /// The whole text for people.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let text = self.code.text(language);
        if self.about.is_empty() { text.to_owned() } else { format!("{text} ({})", self.about) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_text_in_both_languages() {
        for code in RefusalCode::ALL {
            assert_ne!(code.text(Language::En), code.text(Language::PtBr), "{code:?}");
        }
    }
}
