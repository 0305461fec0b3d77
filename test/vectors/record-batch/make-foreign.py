#!/usr/bin/env python3
"""Makes sections/ (compressed bytes by the gzip, lz4 and zstd programs) and broken/ (from java-*.log).
Needs those three programs; tests do not run it."""
import hashlib, json, os, struct, subprocess, zlib

here = os.path.dirname(os.path.abspath(__file__))
os.makedirs(f"{here}/sections", exist_ok=True)
os.makedirs(f"{here}/broken", exist_ok=True)
raw = "".join(f"line {i} {i * i % 977} {'lorem ipsum dolor ' * (i % 5)}\n" for i in range(3500)).encode()


def run(command, data=raw):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def save(folder, name, data):
    with open(f"{here}/{folder}/{name}", "wb") as f:
        f.write(data)


def tmp(command):
    """For programs that know the size of a file only."""
    with open("/tmp/section", "wb") as f:
        f.write(raw)
    return run(command + ["/tmp/section"], b"")


lz4 = ["lz4", "-c", "-q"]
lz4_plain = run(lz4 + ["-B4", "--no-frame-crc"])
lz4_skip = struct.pack("<II", 0x184D2A53, 5) + b"hello"
zstd = ["zstd", "-c", "-q"]
zstd_unsized = run(zstd + ["--no-check"])
zstd_sized = tmp(zstd)
zstd_skip = struct.pack("<II", 0x184D2A50, 3) + b"abc"
gz = run(["gzip", "-n"])
sections = {
    "lz4-independent": ("lz4", lz4_plain, 1),
    "lz4-linked-all-sums-and-size": ("lz4", tmp(lz4 + ["-B4", "-BD", "-BX", "--content-size"]), 1),
    "lz4-linked-small-blocks": ("lz4", run(lz4 + ["-B512", "-BD"]), 1),
    "lz4-one-block": ("lz4", run(lz4 + ["-B7"]), 1),
    "lz4-two-frames-and-a-skippable": ("lz4", lz4_plain + lz4_skip + run(lz4 + ["-B5", "-BD"]), 2),
    "lz4-stored-blocks": ("lz4", run(lz4 + ["-B4"], hashlib.shake_256(b"x").digest(20000)), None),
    "zstd-unsized": ("zstd", zstd_unsized, 1),
    "zstd-sized": ("zstd", zstd_sized, 1),
    "zstd-frames-and-a-skippable": ("zstd", zstd_unsized + zstd_skip + zstd_sized, 2),
    "gzip-one": ("gzip", gz, 1),
    "gzip-two-members": ("gzip", gz + gz, 2),
}
index = []
for name, (codec, data, times) in sections.items():
    want = raw * times if times else hashlib.shake_256(b"x").digest(20000)
    save("sections", name, data)
    index.append({"file": name, "codec": codec, "bytes": len(want), "sha256": hashlib.sha256(want).hexdigest()})
with open(f"{here}/sections/index.json", "w") as f:
    json.dump(index, f, indent=1)
    f.write("\n")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(codec, count, section):
    after = struct.pack(">hiqqqhii", codec, count - 1, 0, 0, -1, -1, -1, count) + section
    body = struct.pack(">ibI", 0, 2, crc32c(after)) + after
    return struct.pack(">qi", 0, len(body)) + body


with open(f"{here}/java-lz4.log", "rb") as f:
    good = f.read()
first = 12 + struct.unpack(">i", good[8:12])[0]
flipped = bytearray(good)
flipped[first + 100] ^= 0x10
wrong_crc = bytearray(good)
wrong_crc[first + 20] ^= 1
magic_9 = bytearray(good)
magic_9[16] = 9
negative = bytearray(good)
negative[8] |= 0x80
message = b"\x01\x00" + struct.pack(">q", 0) + struct.pack(">i", -1) + struct.pack(">i", 3) + b"old"
old = struct.pack(">qi", 0, 4 + len(message)) + struct.pack(">I", zlib.crc32(message)) + message
bomb = run(zstd, bytes(300 << 20))
gzip_bomb = run(["gzip", "-n9"], bytes(4 << 20))
bad_record = bytes([20, 0, 0, 0, 1, 200, 200, 3, 0, 0, 0])
save("broken", "flipped-bit.log", flipped)
save("broken", "wrong-crc.log", wrong_crc)
save("broken", "cut.log", good[:-100])
save("broken", "cut-in-header.log", good[: first + 30])
save("broken", "magic-1.log", old)
save("broken", "magic-9.log", magic_9)
save("broken", "negative-length.log", negative)
save("broken", "trailing-zeros.log", good + bytes(100))
save("broken", "bomb-zstd.log", batch(4, 1, bomb))
save("broken", "bomb-gzip.log", batch(1, 1, gzip_bomb))
save("broken", "bad-record.log", batch(0, 1, bad_record))
save("broken", "count-too-high.log", batch(0, 2_000_000_000, b""))
save("broken", "codec-7.log", batch(7, 1, b"\x0c\x00\x00\x00\x01\x01\x00"))
