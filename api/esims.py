"""A customer's own eSIMs, with the codes: nobody else's request reaches them."""

import asyncio
import io
from typing import Any, Literal
from urllib.parse import quote

import segno
from fastapi import APIRouter, Response
from pydantic import Field

from api.http import problems
from api.http.auth import User
from api.http.ids import PathId
from api.http.paging import PAGED, AskedPage
from api.http.problems import Problem
from api.http.scalars import AnswerBody, Instant
from api.http.strict import StrictRoute
from api.resources import Shared
from db import profiles
from db.engine import transaction
from db.profiles import Profile
from domain.codes import parse_activation_code
from domain.errors import InvalidActivationCode
from domain.profile import ProfileStatus

router = APIRouter(route_class=StrictRoute, prefix="/api/esims", tags=["eSIMs"])

_QR_SCALE = {"svg": 4, "png": 8}
_MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


_APPLE_INSTALL = "https://esimsetup.apple.com/esim_qrcode_provisioning?carddata="


class EsimBody(AnswerBody):
    """An eSIM as its owner sees it. The codes are null until it is ready."""

    kind: Literal["esim"] = "esim"
    id: int
    order_id: int
    activation_code: str | None
    iccid: str | None
    status: ProfileStatus
    created_at: Instant
    provisioned_at: Instant | None
    provider_reference: str | None
    qr_payload: str | None
    instructions: str | None
    confirmation_code: str | None = Field(
        description="What the phone asks for while it installs the eSIM. Null if it asks for"
        " nothing; also if it does and we do not have it: then `installable` is false."
    )
    inventory_item_id: int | None
    plan_id: int
    country_id: int | None
    carrier_id: int | None
    plan_snapshot: dict[str, Any]
    installable: bool = Field(
        description="A phone can install it by scanning the QR code, and a confirmation code that"
        " the QR code asks for is there."
    )
    apple_install_url: str | None = Field(description="Installs with one tap (iOS 17.4 and later).")

    @classmethod
    def of(cls, profile: Profile) -> "EsimBody":
        """Show a profile to its owner."""
        installable = _is_installable(profile)
        shown = {name: getattr(profile, name) for name in _SHOWN}
        url = _APPLE_INSTALL + quote(profile.qr_payload or "", safe="") if installable else None
        return cls(**shown, installable=installable, apple_install_url=url)


_SHOWN = EsimBody.model_fields.keys() & Profile.__dataclass_fields__.keys()


@router.get("/mine", responses=PAGED | problems.responses(401, 403, 422, 503))
async def list_my_esims(page: AskedPage, caller: User, shared: Shared) -> list[EsimBody]:
    """List the caller's eSIMs, newest first."""
    async with transaction(shared.engine) as connection:
        found = await profiles.owned_by(
            connection, caller.user_id, before_id=page.after, limit=page.limit
        )
    page.shows([profile.id for profile in found])
    return [EsimBody.of(profile) for profile in found]


@router.get("/{esim_id:id}", responses=problems.responses(401, 403, 404, 422, 503))
async def get_esim(esim_id: PathId, caller: User, shared: Shared) -> EsimBody:
    """Show one of the caller's eSIMs."""
    return EsimBody.of(await _own(esim_id, caller, shared))


@router.get(
    "/{esim_id:id}/qr.svg",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        **problems.responses(401, 403, 404, 409, 422, 503),
    },
)
async def get_esim_qr_svg(esim_id: PathId, caller: User, shared: Shared) -> Response:
    """Draw the QR code that a phone scans to install the eSIM, as SVG."""
    return await _qr(await _own(esim_id, caller, shared), "svg")


@router.get(
    "/{esim_id:id}/qr.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **problems.responses(401, 403, 404, 409, 422, 503),
    },
)
async def get_esim_qr_png(esim_id: PathId, caller: User, shared: Shared) -> Response:
    """Draw the QR code that a phone scans to install the eSIM, as PNG."""
    return await _qr(await _own(esim_id, caller, shared), "png")


async def _own(esim_id: int, caller: User, shared: Shared) -> Profile:
    async with transaction(shared.engine) as connection:
        profile = await profiles.find_by_id(connection, esim_id, user_id=caller.user_id)
    if profile is None:
        raise Problem(404, "esim-not-found", "eSIM not found")
    return profile


async def _qr(profile: Profile, kind: Literal["svg", "png"]) -> Response:
    if profile.qr_payload is None:
        raise Problem(409, "esim-not-ready", "The eSIM is not ready yet.")
    # Milliseconds of pure computing, which would hold up every other request.
    image = await asyncio.to_thread(_draw, profile.qr_payload, kind)
    return Response(image, media_type=_MEDIA_TYPES[kind])


def _draw(payload: str, kind: Literal["svg", "png"]) -> bytes:
    image = io.BytesIO()
    code = segno.make(payload, micro=False, error="m")
    # A light ground of its own, or it cannot be scanned on a dark page.
    code.save(image, kind=kind, scale=_QR_SCALE[kind], light="white")
    return image.getvalue()


def _is_installable(profile: Profile) -> bool:
    """Tell whether the owner is shown all that a phone will ask for."""
    if profile.qr_payload is None:
        return False
    try:
        code = parse_activation_code(profile.qr_payload)
    except InvalidActivationCode:
        return False
    return bool(profile.confirmation_code) or not code.confirmation_required
