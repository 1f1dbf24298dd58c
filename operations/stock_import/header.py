"""The header of a stock file: column names, in any spelling that can be understood."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

COLUMNS = (
    "plan_id",
    "carrier_id",
    "country_id",
    "country_iso2",
    "activation_code",
    "iccid",
    "qr_payload",
    "smdp_address",
    "matching_id",
    "instructions",
    "confirmation_code",
    "provider_reference",
    "status",
    "order_id",
)

# Compared in small letters, without anything but letters and digits: "SM-DP+ Address" is
# `smdpaddress`.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "country_iso2": ("countrycode", "iso2", "countryiso", "countryisocode"),
        "activation_code": ("ac", "activationcodes", "esimcode", "manualcode"),
        "iccid": ("iccidnumber", "iccids", "iccidno", "simiccid", "esimiccid"),
        "qr_payload": (
            *("lpa", "lpastring", "lpacode", "qr", "qrcode", "qrcodestring", "qrcodetext"),
            *("qrstring", "qrcontent", "qrcodecontent", "qrdata", "qrcodedata", "qrcodepayload"),
        ),
        "smdp_address": (
            *("smdp", "smdpplus", "smdpplusaddress", "smdpaddr", "smdpplusaddr", "smdphost"),
            *("smdpfqdn", "smdpplusfqdn", "smdpurl", "smdpplusurl", "smdpuri", "smdpplusuri"),
            *("smdpserver", "smdpplusserver", "smdphostname", "smdpplushost", "smdpdomain"),
            *("rspurl", "rspaddress", "rsphost", "rspfqdn", "dpaddress", "dpplusaddress"),
        ),
        "matching_id": (
            "matchingcode",
            "matchid",
            "acmatchingid",
            "acsmatchingid",
            "esimmatchingid",
        ),
        "instructions": ("instruction", "installinstructions", "installationinstructions"),
        "confirmation_code": ("confirmationpin", "confirmcode"),
        "provider_reference": ("supplierreference", "providerref", "providerorderreference"),
        "order_id": ("orderno", "ordernumber"),
    }
)


def _compact(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_MEANT: Mapping[str, str] = MappingProxyType(
    {_compact(column): column for column in COLUMNS}
    | {other: column for column, others in _OTHER_NAMES.items() for other in others}
)


def column_of(name: str) -> str | None:
    """Return the column that a name of the header means; None if it means none of ours."""
    return _MEANT.get(_compact(name))


def misspelt(name: str, present: set[str]) -> str | None:
    """Return the column that a name most likely should have been, among those not present."""
    near = get_close_matches(_compact(name), _MEANT, n=1, cutoff=0.8)
    meant = _MEANT[near[0]] if near else None
    return None if meant in present else meant
