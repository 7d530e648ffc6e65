import { wording } from "./language.ts";

/** Texts of the hours at which something else is kept ready. */
export const scheduleEn = {
  "title": "At set hours",
  "lead": "Where hours overlap, those that stand first hold.",
  "clock": "By the clock of {zone}. Where hours overlap, those that stand first hold.",
  "hours": "Hours {n}",
  "days": "Days",
  "from": "From",
  "to": "To",
  "kept": "Kept ready meanwhile",
  "next-day": "ends the next day",
  "add": "Add hours",
  "remove": "Remove hours {n}",
  "save": "Save hours",
  "saved": "Saved.",
  "no-day": "Choose a day.",
  "no-time": "Give both times.",
  "now": "Now: {what}.",
  "now-until": "Now: {what}, until {time}.",
  "of-site": "The site's hours hold.",
  "zone": "Time zone",
  "zone-hint": "The clock of the site, such as America/Sao_Paulo.",
};

export const schedulePtBR: Record<keyof typeof scheduleEn, string> = {
  "title": "Em horários marcados",
  "lead": "Onde horários se sobrepõem, vale o que está primeiro.",
  "clock": "Pelo relógio de {zone}. Onde horários se sobrepõem, vale o que está primeiro.",
  "hours": "Horário {n}",
  "days": "Dias",
  "from": "Das",
  "to": "Às",
  "kept": "Mantido pronto nesse tempo",
  "next-day": "termina no dia seguinte",
  "add": "Adicionar horário",
  "remove": "Remover horário {n}",
  "save": "Salvar horários",
  "saved": "Salvo.",
  "no-day": "Escolha um dia.",
  "no-time": "Informe os dois horários.",
  "now": "Agora: {what}.",
  "now-until": "Agora: {what}, até {time}.",
  "of-site": "Valem os horários do local.",
  "zone": "Fuso horário",
  "zone-hint": "O relógio do local, por exemplo America/Sao_Paulo.",
};

export const s = wording(scheduleEn, schedulePtBR);
