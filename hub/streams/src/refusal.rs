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
        /// The viewer plays none of the streams that may be taken, by none of the protocols.
        CodecUnsupported = "codec-unsupported",
            "this program does not play what the camera sends",
            "este programa não reproduz o que a câmera envia";
        /// The viewer decodes none of the codecs that cameras here send.
        ViewerCodec = "viewer-codec",
            "the viewer says it plays neither H.264 nor H.265, and cameras here send nothing else",
            "o visualizador informa que não reproduz H.264 nem H.265, e as câmeras daqui não enviam outro formato";
        /// More LL-HLS would block the page.
        LlHlsLimit = "ll-hls-limit",
            "over HTTP/1.1 a page can hold only so many LL-HLS pictures; ask for \"auto\" or \"hls\", \
             or reach the hub over TLS (HTTP/2)",
            "por HTTP/1.1 uma página comporta apenas este número de imagens LL-HLS; peça \"auto\" ou \"hls\", \
             ou acesse o hub por TLS (HTTP/2)";
        /// The caller's live session was granted for something else than is asked for now.
        SessionRunsOtherwise = "session-runs-otherwise",
            "the session started before runs otherwise and cannot go on as asked; stop it and start again",
            "a sessão iniciada antes está em outra forma e não pode continuar como pedido; encerre-a e inicie de novo";
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

told! {
    /// What would let a refused camera be played. The list is closed.
    HelpCode {
        /// Another tier plays.
        OtherTier = "ask-other-tier",
            "ask for the tier",
            "peça o fluxo";
        /// Another protocol plays.
        OtherProtocol = "ask-other-protocol",
            "ask for the protocol",
            "peça o protocolo";
        /// WebRTC would play without B-frames.
        BFramesOff = "b-frames-off",
            "switch B-frames off at the camera (H.264 profile Baseline, or its setting for B-frames)",
            "desative os quadros B na câmera (perfil Baseline do H.264, ou o ajuste de quadros B)";
        /// H.264 is played everywhere.
        SetH264 = "set-h264",
            "set the camera's stream to H.264",
            "configure o fluxo da câmera para H.264";
        /// Another program decodes the codec.
        OtherProgram = "other-program",
            "open it in a browser or on a machine that decodes this codec",
            "abra em um navegador ou em uma máquina que decodifique este codec";
    }
}

/// One thing that would let a refused camera be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// What.
    pub code: HelpCode,
    /// Which tier or protocol; empty if the code says it all.
    pub about: String,
}

impl Help {
    pub(crate) fn new(code: HelpCode, about: &str) -> Self {
        Self { code, about: about.to_owned() }
    }

    /// The whole text for people.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let text = self.code.text(language);
        if self.about.is_empty() { text.to_owned() } else { format!("{text} {}", self.about) }
    }
}

/// A camera is not played, with the reason and what is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// What exactly, such as the codec of each tier; empty if the code says it all.
    pub about: String,
    /// What would let it be played, the easiest first.
    pub helps: Vec<Help>,
}

impl Refusal {
    /// A refusal whose code says it all.
    #[must_use]
    pub const fn new(code: RefusalCode) -> Self {
        Self { code, about: String::new(), helps: Vec::new() }
    }

    /// A refusal about one thing.
    #[must_use]
    pub fn about(code: RefusalCode, about: impl Into<String>) -> Self {
        Self { code, about: about.into(), helps: Vec::new() }
    }

    /// The whole text for people.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut text = self.code.text(language).to_owned();
        if !self.about.is_empty() {
            text = format!("{text} ({})", self.about);
        }
        let helps: Vec<String> = self.helps.iter().map(|help| help.text(language)).collect();
        let or = match language {
            Language::En => ", or ",
            Language::PtBr => ", ou ",
        };
        if helps.is_empty() { text } else { format!("{text}; {}", helps.join(or)) }
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
        for code in HelpCode::ALL {
            assert_ne!(code.text(Language::En), code.text(Language::PtBr), "{code:?}");
        }
    }
}
