"""Made-up profiles that look real. LOCAL sells them, and a dry run answers with them."""

import hashlib

from domain.codes import ActivationCode
from domain.iccid import luhn_check_digit
from domain.provider import ProvisionedEsim, ProvisionRequest

# 89 is telecommunications (E.118); no country has the calling code 99.
_ICCID_PREFIX = "8999"
_ACCOUNT_DIGITS = 14


def simulated_esim(
    provider: str, request: ProvisionRequest, sent: dict[str, object]
) -> ProvisionedEsim:
    """Make up the profile that `provider` always gives to this reference. Sends nothing."""
    digest = hashlib.sha256(f"{provider}/{request.reference}".encode()).hexdigest().upper()
    account = int(digest, 16) % 10**_ACCOUNT_DIGITS
    digits = f"{_ICCID_PREFIX}{account:0{_ACCOUNT_DIGITS}d}"
    host = provider.lower().replace("_", "-")
    # `.example` never resolves (RFC 2606), so no phone can take the code for a real one.
    code = ActivationCode(f"smdp.{host}.example", f"{digest[:8]}-{digest[8:16]}-{digest[16:24]}")
    return ProvisionedEsim(
        reference=request.reference,
        iccid=digits + luhn_check_digit(digits),
        activation_code=code.activation_code,
        qr_payload=code.lpa_string,
        instructions="Test profile: open the phone's settings, add an eSIM and scan the QR code.",
        request=sent,
        reply={"simulated": True},
    )
