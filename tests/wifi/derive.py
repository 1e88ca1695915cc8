"""Keys by OpenSSL's PBKDF2: reads [[ssid, passphrase], ...] in hexadecimal digits, prints the keys."""
import hashlib
import json
import sys

pairs = json.load(sys.stdin)
keys = [hashlib.pbkdf2_hmac("sha1", bytes.fromhex(phrase), bytes.fromhex(ssid), 4096, 32).hex() for ssid, phrase in pairs]
print(json.dumps(keys))
