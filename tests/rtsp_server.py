"""A real RTSP server, run by Debian's Python: `rtsp_server.py PORT FRAMES_PER_S [USER PASSWORD]`.

Prints a line when it listens. The picture is a ball that moves, as H.264.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURE = "video/x-raw,width=320,height=240,framerate={}/1"
CODED = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"


def main() -> None:
    port, frames_per_s, *login = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! {PICTURE.format(frames_per_s)} ! {CODED}"
        " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    if login:
        ask_for(server, factory, *login)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


def ask_for(server, factory, user: str, password: str) -> None:
    """Let in nobody but this user."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    basic = GstRtspServer.RTSPAuth.make_basic(user, password)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(basic, token)
    server.set_auth(auth)
    role = "viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
    factory.add_role_from_structure(Gst.Structure.new_from_string(role))


if __name__ == "__main__":
    main()
