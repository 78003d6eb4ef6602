"""A network camera as a program: `mjpeg_server.py PORT FRAMES_PER_S WIDTH`, JPEG over HTTP.

Prints a line when it listens. The frames' brightness counts them: 0 to 250, in steps of 10.
"""

import socket
import sys
import threading
import time

import cv2
import numpy as np


def main() -> None:
    port, frames_per_s, width = map(int, sys.argv[1:])
    frames = [
        cv2.imencode(".jpg", np.full((width * 3 // 4, width, 3), shade, np.uint8))[1].tobytes()
        for shade in range(0, 260, 10)
    ]
    listening = socket.create_server(("127.0.0.1", port))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        threading.Thread(
            target=serve, args=(listening.accept()[0], frames, 1 / frames_per_s), daemon=True
        ).start()


def serve(connection: socket.socket, frames: list[bytes], every_s: float) -> None:
    kind = b"multipart/x-mixed-replace; boundary=next"
    number = 0
    try:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
        while True:
            jpeg = frames[number % len(frames)]
            head = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            connection.sendall(head + jpeg + b"\r\n")
            number += 1
            time.sleep(every_s)
    except OSError:
        connection.close()


if __name__ == "__main__":
    main()
