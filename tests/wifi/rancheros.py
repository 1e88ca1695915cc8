"""Cloud-configs as RancherOS reads them: from standard input {"schema": ..., "texts": [...]}, prints for each the
wpa_supplicant file that its template makes of wlan0's network, as JSON. Ends with 1 where a text is not valid."""
import json
import sys

import jsonschema
import yaml

ask = json.load(sys.stdin)


def supplicant(network):
    """The template's fields, in its order; text between quotes as it puts it, key_mgmt as it is."""
    lines = ["network={", f'\tssid="{network["ssid"]}"']
    if network.get("psk"):
        lines.append(f'\tpsk="{network["psk"]}"')
    if network.get("key_mgmt"):
        lines.append(f'\tkey_mgmt={network["key_mgmt"]}')
    if network.get("scan_ssid"):
        lines.append(f'\tscan_ssid={network["scan_ssid"]}')
    return "\n".join(lines + ["}", ""])


# The schema itself is looked at once, not for each text.
kind = jsonschema.validators.validator_for(ask["schema"])
kind.check_schema(ask["schema"])
validator = kind(ask["schema"])
made = []
for text in ask["texts"]:
    assert text.startswith("#cloud-config\n"), text
    assert text.isascii() and "\r" not in text, text
    config = yaml.safe_load(text)
    validator.validate(config)
    root = config.get("rancher") or config["burmilla"]
    networks = root["network"]["wifi_networks"]
    interface = root["network"]["interfaces"]["wlan0"]
    # A name that is not there is passed over in silence.
    made.append(supplicant(networks[interface["wifi_network"]]))
print(json.dumps(made))
