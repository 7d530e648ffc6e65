"""A camera nobody here wrote: GStreamer's RTSP server on a free loopback port, printed as the first line.

    camera.py [--auth basic|digest] [--gop N] [--port N]

Mounts /stream (video), /av (video and PCMU), /sound (PCMU alone) and /jpeg (what nobody can carry). User `operator`, password `right`.
"""
import argparse
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("--auth", choices=["basic", "digest"])
options.add_argument("--gop", type=int, default=25)
options.add_argument("--port", type=int, default=0)
options = options.parse_args()

Gst.init(None)
VIDEO = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
    f" ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max={options.gop}"
    " ! video/x-h264,profile=constrained-baseline ! rtph264pay name=pay0 pt=96 config-interval=-1"
)
AUDIO = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name={pay} pt=0"
JPEG = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240 ! jpegenc ! rtpjpegpay name=pay0 pt=26"
MOUNTS = {
    "/stream": VIDEO,
    "/av": f"{VIDEO} {AUDIO.format(pay='pay1')}",
    "/sound": AUDIO.format(pay="pay0"),
    "/jpeg": JPEG,
}

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(str(options.port))
mounts = server.get_mount_points()
for path, launch in MOUNTS.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {launch} )")
    factory.set_shared(True)
    if options.auth:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    mounts.add_factory(path, factory)

if options.auth:
    method = {"basic": GstRtsp.RTSPAuthMethod.BASIC, "digest": GstRtsp.RTSPAuthMethod.DIGEST}[options.auth]
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(method)
    if options.auth == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("operator", "right"), token)
    else:
        auth.add_digest("operator", "right", token)
    server.set_auth(auth)

server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
