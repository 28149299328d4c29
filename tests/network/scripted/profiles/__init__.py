# SPDX-License-Identifier: BSD-3-Clause
"""All profiles."""

from .android import Android, Android4, AndroidShortTags
from .apple import Ios, MacOs
from .linux import ChromeOs, NetworkManagerLibreswan, NetworkManagerStrongSwan
from .routers import HomeRouter, Lac, RouterOs
from .windows import Windows, WindowsStrong, WindowsXp

PROFILES = (WindowsXp, Windows, WindowsStrong, Android4, Android, AndroidShortTags, MacOs, Ios, ChromeOs,
            NetworkManagerStrongSwan, NetworkManagerLibreswan, RouterOs, HomeRouter, Lac)
