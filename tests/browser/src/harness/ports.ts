import { createSocket } from "node:dgram";
import { createServer } from "node:net";

export interface Ports {
  readonly https: number;
  readonly http: number;
  readonly hubPrivate: number;
  readonly edgePrivate: number;
  readonly rtsp: number;
  readonly faults: number;
  readonly link: number;
  readonly webrtc: number;
}

/** Ports of the loopback that were free a moment ago. All are held until all are known. */
export async function freePorts(): Promise<Ports> {
  const held = await Promise.all(Array.from({ length: 8 }, (_, at) => (at < 6 ? holdTcp() : holdUdp())));
  await Promise.all(held.map(({ free }) => free()));
  const [https, http, hubPrivate, edgePrivate, rtsp, faults, link, webrtc] = held.map(({ port }) => port) as [number, number, number, number, number, number, number, number];
  return { https, http, hubPrivate, edgePrivate, rtsp, faults, link, webrtc };
}

interface Held {
  readonly port: number;
  free(): Promise<void>;
}

function holdTcp(): Promise<Held> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve({ port: address.port, free: () => new Promise((done) => server.close(() => { done(); })) });
    });
  });
}

function holdUdp(): Promise<Held> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", () => {
      resolve({ port: socket.address().port, free: () => new Promise((done) => socket.close(() => { done(); })) });
    });
  });
}
