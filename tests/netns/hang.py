# SPDX-License-Identifier: BSD-2-Clause
"""The worker of RX queue 0 stands still, from the line `hung` until the end of the input."""
import sys

from outage import Hung

hung = Hung(0)
print("hung", flush=True)
sys.stdin.read()
hung.go_on()
