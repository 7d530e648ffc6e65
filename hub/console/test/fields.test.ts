import assert from "node:assert/strict";
import test from "node:test";
import { checkAddress, checkRtspUrl, fieldOf } from "../src/views/add_camera_fields.ts";

test("an RTSP address has a host and no password", () => {
  assert.equal(checkRtspUrl("rtsp://10.0.0.8:554/main"), undefined);
  assert.equal(checkRtspUrl(" rtsp://camera.local/a?b=c "), undefined);
  for (const text of ["", "camera", "http://10.0.0.8/", "rtsp://"]) assert.equal(checkRtspUrl(text), "form.rtsp", text);
  assert.equal(checkRtspUrl("rtsp://admin:secret@10.0.0.8/"), "form.no-credentials");
});

test("paths of a refused body find their field, in either notation", () => {
  assert.equal(fieldOf("source.tiers[0].url"), "main");
  assert.equal(fieldOf("/source/tiers/1/url"), "sub");
  assert.equal(fieldOf("source.password"), "password");
  assert.equal(fieldOf("site_id"), "site");
  assert.equal(fieldOf("colour"), undefined);
});

test("a camera's address is a host, perhaps with a port, or the URL of its device service", () => {
  for (const text of ["10.0.0.8", "camera.local:8000", "http://10.0.0.8/onvif/device_service", " [fe80::1]:80 "]) assert.equal(checkAddress(text), undefined, text);
  for (const text of ["", "rtsp://10.0.0.8/", "two words", "10.0.0.8:99999"]) assert.equal(checkAddress(text), "form.bad-address", text);
  assert.equal(checkAddress("admin:secret@10.0.0.8"), "form.no-credentials");
});
