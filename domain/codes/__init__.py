"""Activation codes: what a device needs to download a profile from an SM-DP+.

`install_codes` decides what may reach a customer. Codes are bearer secrets: no `repr` shows one and
no error quotes one.
"""

from domain.codes.activation_code import MAX_LENGTH, ActivationCode, parse_activation_code
from domain.codes.beside import confirmation_code, instructions
from domain.codes.sold import SoldCode, sold_code
from domain.codes.verdict import InstallCodes, install_codes

__all__ = [
    "MAX_LENGTH",
    "ActivationCode",
    "InstallCodes",
    "SoldCode",
    "confirmation_code",
    "install_codes",
    "instructions",
    "parse_activation_code",
    "sold_code",
]
