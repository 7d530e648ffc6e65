import { Api } from "./api/client.ts";
import type { Me } from "./api/types.ts";
import { mayOperate, type App, type Retiered, type Revoked, type View } from "./app/app.ts";
import { CameraEvents } from "./app/camera_events.ts";
import { Finds } from "./app/finds.ts";
import { HubLink } from "./app/link.ts";
import { keepNetwork, recall, recallVolume, remember } from "./app/memory.ts";
import { Posters } from "./app/posters.ts";
import { Registry } from "./app/registry.ts";
import { keepClock, pause, ServerClock } from "./player/clock.ts";
import { HubSessions } from "./player/hub_sessions.ts";
import { NetworkMemory } from "./player/network.ts";
import { Signal } from "./player/signal.ts";
import { choose, language, LANGUAGES, setLanguage } from "./ui/language.ts";
import { LoginView } from "./views/login.ts";
import { Shell } from "./views/shell.ts";

/** The console from start to end: who is there, then the pages for them. */
class Console {
  readonly #root: HTMLElement;
  readonly #api = new Api();
  readonly #clock = new ServerClock();
  readonly #network = new NetworkMemory();
  #view: View | undefined;
  #signedIn: { readonly app: App; readonly life: AbortController } | undefined;

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#api.language = language;
    keepNetwork(this.#network);
    this.#api.onSignedOut = () => { this.#leave(); };
  }

  async start(): Promise<void> {
    const stored = LANGUAGES.find(({ code }) => code === recall("language"));
    setLanguage(stored?.code ?? choose(navigator.languages));
    for (;;) {
      const me = await this.#api.get<Me>("/me");
      if (me.ok) {
        this.#enter(me.value);
        return;
      }
      if (me.problem.status !== 0) break;
      // The hub is starting: a wall that was switched on with it must come up by itself.
      this.#draw();
      await pause(2_000, new AbortController().signal);
      if (this.#signedIn) return;
    }
    this.#draw();
  }

  #enter(me: Me): void {
    this.#api.csrf = me.csrf;
    const life = new AbortController();
    const registry = new Registry(this.#api);
    const finds = new Finds(this.#api, mayOperate(me));
    const cameraEvents = new CameraEvents();
    const returns = new Signal(0);
    const revoked = new Signal<Revoked | undefined>(undefined);
    const retiered = new Signal<Retiered | undefined>(undefined);
    const volume = new Signal(recallVolume());
    volume.subscribe((loud) => { remember("volume", String(loud)); });
    const app: App = {
      api: this.#api,
      me,
      registry,
      finds,
      cameraEvents,
      posters: new Posters((path) => this.#api.picture(path)),
      returns,
      revoked,
      retiered,
      clock: this.#clock,
      link: new HubLink({
        registry, finds, cameraEvents,
        returned: () => { returns.set(returns.get() + 1); },
        revoked: (ended) => { revoked.set(ended); },
        retiered: (change) => { retiered.set(change); },
      }),
      sessions: new HubSessions({ base: "", headers: () => this.#api.headers(), network: this.#network }),
      heard: new Signal<string | undefined>(undefined),
      volume,
      wanted: new Signal<ReadonlySet<string>>(new Set()),
    };
    this.#signedIn = { app, life };
    void keepClock(this.#clock, () => this.#readTime(), life.signal);
    this.#draw();
  }

  async #readTime(): Promise<number | undefined> {
    const answer = await this.#api.get<{ readonly now_ms: number }>("/time");
    return answer.ok ? answer.value.now_ms : undefined;
  }

  #leave(): void {
    this.#signedIn?.life.abort();
    this.#signedIn?.app.link.close();
    this.#signedIn?.app.posters.close();
    this.#signedIn = undefined;
    this.#api.csrf = "";
    this.#draw();
  }

  async #signOut(): Promise<void> {
    await this.#api.post("/logout", {});
    this.#leave();
  }

  /** Draws everything anew: at start, after signing in and out, and in another language. */
  #draw(): void {
    if (this.#view instanceof LoginView && !this.#signedIn && document.documentElement.lang === language()) return;
    document.documentElement.lang = language();
    this.#view?.close();
    const redraw = (): void => { this.#draw(); };
    if (this.#signedIn) this.#view = new Shell(this.#signedIn.app, () => void this.#signOut(), redraw);
    else this.#view = new LoginView(this.#api, (me) => { this.#enter(me); }, redraw);
    if (!this.#signedIn) document.title = "Sluice";
    this.#root.replaceChildren(this.#view.element);
  }
}

const root = document.getElementById("app");
if (root) void new Console(root).start();
