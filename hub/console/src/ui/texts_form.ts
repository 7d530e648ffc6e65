import { wording } from "./language.ts";

/** Texts of the form that adds a camera. */
export const formEn = {
  "form.name": "Name",
  "form.name-hint": "What operators call it, for example “Gate north”.",
  "form.site": "Site",
  "form.via": "Reached through",
  "form.kind": "How it is known",
  "form.onvif": "By ONVIF",
  "form.onvif-hint": "It tells its streams itself, and can be turned, set and asked for key frames.",
  "form.by-rtsp": "By RTSP addresses",
  "form.by-rtsp-hint": "For what does not speak ONVIF.",
  "form.address": "Address of the camera",
  "form.address-hint": "Its IP address or name, with a port where it is not 80.",
  "form.bad-address": "An IP address or a name, such as 192.168.1.20 or camera.local:8000.",
  "form.asking": "Asking the camera",
  "form.main": "RTSP address of the main stream",
  "form.sub": "RTSP address of the sub stream",
  "form.sub-hint": "The small picture, used on walls. Leave empty if there is none.",
  "form.user": "Camera user",
  "form.password": "Camera password",
  "form.password-hint": "Sealed for the device; the hub cannot read it back.",
  "form.optional": "optional",
  "form.submit": "Add camera",
  "form.busy": "Adding",
  "form.cancel": "Cancel",
  "form.rtsp": "An address that begins with rtsp:// and names a host.",
  "form.no-credentials": "User and password belong in their own fields, not in the address.",
  "form.failed": "The camera was not added.",
} as const;

export type FormKey = keyof typeof formEn;

export const formPtBR: Readonly<Record<FormKey, string>> = {
  "form.name": "Nome",
  "form.name-hint": "Como os operadores a chamam, por exemplo “Portão norte”.",
  "form.site": "Local",
  "form.via": "Acessada por",
  "form.kind": "Como é conhecida",
  "form.onvif": "Por ONVIF",
  "form.onvif-hint": "Ela mesma informa seus fluxos e pode ser movida, ajustada e solicitada a enviar quadros-chave.",
  "form.by-rtsp": "Por endereços RTSP",
  "form.by-rtsp-hint": "Para o que não fala ONVIF.",
  "form.address": "Endereço da câmera",
  "form.address-hint": "O endereço IP ou o nome dela, com a porta se não for 80.",
  "form.bad-address": "Um endereço IP ou um nome, como 192.168.1.20 ou camera.local:8000.",
  "form.asking": "Consultando a câmera",
  "form.main": "Endereço RTSP do fluxo principal",
  "form.sub": "Endereço RTSP do subfluxo",
  "form.sub-hint": "A imagem pequena, usada em murais. Deixe vazio se não houver.",
  "form.user": "Usuário da câmera",
  "form.password": "Senha da câmera",
  "form.password-hint": "Selada para o dispositivo; o hub não consegue lê-la.",
  "form.optional": "opcional",
  "form.submit": "Adicionar câmera",
  "form.busy": "Adicionando",
  "form.cancel": "Cancelar",
  "form.rtsp": "Um endereço que começa com rtsp:// e indica um host.",
  "form.no-credentials": "Usuário e senha têm campos próprios, não vão no endereço.",
  "form.failed": "A câmera não foi adicionada.",
};

export const w: (key: FormKey, values?: Readonly<Record<string, string | number>>) => string = wording(formEn, formPtBR);
