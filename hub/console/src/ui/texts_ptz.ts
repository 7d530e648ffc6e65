import { wording } from "./language.ts";

/** Texts for turning cameras. */
export const ptzEn = {
  "open": "Turn {name}",
  "panel": "Turn {name}: arrow keys, + and −",
  "left": "Left",
  "right": "Right",
  "up": "Up",
  "down": "Down",
  "in": "Zoom in",
  "out": "Zoom out",
  "speed": "Speed",
  "speed.slow": "slow",
  "speed.medium": "medium",
  "speed.fast": "fast",
  "presets": "Places",
  "presets-none": "It remembers no place.",
  "presets-reading": "Asking the camera",
  "go-to": "Look at {name}",
  "remember": "Remember this place",
  "remember-name": "Name of the place",
  "remember-go": "Remember",
  "forget": "Forget {name}",
  "forget-ask": "Forget “{name}”? The camera itself forgets it.",
  "failed": "{reason}",
} as const;

type Key = keyof typeof ptzEn;

export const ptzPtBR: Readonly<Record<Key, string>> = {
  "open": "Mover {name}",
  "panel": "Mover {name}: teclas de seta, + e −",
  "left": "Esquerda",
  "right": "Direita",
  "up": "Para cima",
  "down": "Para baixo",
  "in": "Aproximar",
  "out": "Afastar",
  "speed": "Velocidade",
  "speed.slow": "lenta",
  "speed.medium": "média",
  "speed.fast": "rápida",
  "presets": "Posições",
  "presets-none": "Ela não lembra nenhuma posição.",
  "presets-reading": "Perguntando à câmera",
  "go-to": "Olhar para {name}",
  "remember": "Lembrar esta posição",
  "remember-name": "Nome da posição",
  "remember-go": "Lembrar",
  "forget": "Esquecer {name}",
  "forget-ask": "Esquecer “{name}”? A própria câmera a esquece.",
  "failed": "{reason}",
};

export const p: (key: Key, values?: Readonly<Record<string, string | number>>) => string = wording(ptzEn, ptzPtBR);
