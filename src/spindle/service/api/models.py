"""Models: the package's, those that were trained here, and those that were brought."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from spindle.service.api.jobs import Job
from spindle.service.audit import note
from spindle.service.cohorts import recording_words
from spindle.service.context import Context
from spindle.service.database import owned
from spindle.service.guard import InContext, SignedIn, User, own
from spindle.service.models import NOTHING, STARTER, card_of, model_request, starter_card
from spindle.service.problems import Problem, not_found
from spindle.service.receiving import full_disk_is_a_problem, receive
from spindle.service.sending import send_file
from spindle.service.tables import JobKind, LabelFile, Model, Recording, new_id

router = APIRouter(prefix="/models", tags=["models"])

LARGEST = 500 * 2**20
"""A model of ours has 27 MB; this is no model."""


class ModelCard(BaseModel):
    """What a model says of itself: `figures` are measured numbers, null where one could not be measured; `notes` are
    sentences on its limits.
    """

    model_config = ConfigDict(extra="ignore")
    name: str
    created: str
    commit: str
    data: str
    figures: dict[str, float | None] = {}
    notes: list[str] = []


class ShownModel(BaseModel):
    """A model. The id of the package's is `starter`; `created_at` is null for it."""

    id: str
    name: str
    card: ModelCard
    created_at: datetime | None


class Example(BaseModel):
    """A recording, and the labels to learn it from."""

    recording: str
    labels: str


class Training(BaseModel):
    """What to train: `base` is `starter`, `nothing`, or a model's id."""

    name: str = Field(min_length=1, max_length=200)
    base: str = STARTER
    examples: list[Example] = Field(min_length=1, max_length=200)
    passes: int = Field(default=30, ge=1, le=200)
    seed: int = Field(default=0, ge=0, le=2**31)


@router.get("")
def list_models(user: SignedIn, context: InContext) -> list[ShownModel]:
    """List the package's model and one's own, newest first."""
    with context.database.reading() as session:
        rows = session.scalars(select(Model).where(Model.owner_id == user.id).order_by(Model.created_at.desc())).all()
    return [_starter(), *(_shown(row) for row in rows)]


@router.post("", status_code=202, responses={404: {}, 422: {}})
def train_model(wanted: Training, user: SignedIn, context: InContext) -> Job:
    """Train a model on recordings that have labels; the answer is the job."""
    with context.database.reading() as session:
        request = _request(session, user, wanted)
    job = context.jobs.submit(user.id, JobKind.TRAIN, title=f"Train {wanted.name}", request=request)
    with context.database.writing() as session:
        note(session, user.id, "model.train", job.id)
    return Job.model_validate(job)


@router.put("", status_code=201, responses={400: {}, 408: {}, 413: {}, 422: {}, 507: {}})
async def bring_model(
    request: Request, user: SignedIn, context: InContext, name: str = Query(min_length=1, max_length=200)
) -> ShownModel:
    """Bring a model file that `spindle train` made elsewhere; it is checked first."""
    key = new_id()
    with context.files.working_folder() as folder:
        path = folder / "model.safetensors"
        await receive(request, path, most=LARGEST, too_many="This is larger than any SPINDLE model.")
        # One after the other: each takes a process that loads torch.
        card = await to_thread.run_sync(card_of, path, limiter=_checking(request))
        row = Model(id=key, owner_id=user.id, name=name, file=f"models/{key}/model.safetensors", card=card)
        await to_thread.run_sync(_keep, context, user, row, path)
    return _shown(row)


@router.get("/{model_id}", responses={404: {}})
def get_model(model_id: str, user: SignedIn, context: InContext) -> ShownModel:
    """Show a model and its card."""
    return _starter() if model_id == STARTER else _shown(own(context, user, Model, model_id, "model"))


@router.get("/{model_id}/file", responses={404: {}}, response_class=Response)
def download_model(model_id: str, user: SignedIn, context: InContext) -> Response:
    """Download one's own model, to score with elsewhere."""
    model = own(context, user, Model, model_id, "model")
    return send_file(context.files, model.file, f"{model.name}.safetensors", "application/octet-stream")


@router.delete("/{model_id}", status_code=204, responses={404: {}})
def delete_model(model_id: str, user: SignedIn, context: InContext) -> None:
    """Delete one's own model; what it scored stays."""
    with context.database.writing() as session:
        model = owned(session, Model, user.id, model_id)
        if model is None:
            raise not_found("model")
        session.delete(model)
        note(session, user.id, "model.delete", model_id)
    context.files.remove(f"models/{model_id}")


def _keep(context: Context, user: User, row: Model, path: Any) -> None:
    with full_disk_is_a_problem():
        context.files.put(path, row.file)
    with context.database.writing() as session:
        session.add(row)
        note(session, user.id, "model.bring", row.id)


def _checking(request: Request) -> CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "checking_models"):
        state.checking_models = CapacityLimiter(1)
    found: CapacityLimiter = state.checking_models
    return found


def _request(session: Session, user: User, wanted: Training) -> dict[str, Any]:
    """Collect what decides a training. Errors: Problem 404 for what is not there, 422 for labels of another one."""
    base = None if wanted.base == NOTHING else model_request(session, user.id, wanted.base)
    if base is None and wanted.base != NOTHING:
        raise not_found("model to start from")
    examples = []
    for example in wanted.examples:
        recording = owned(session, Recording, user.id, example.recording)
        labels = owned(session, LabelFile, user.id, example.labels)
        if recording is None or labels is None:
            raise not_found("recording" if recording is None else "file of labels")
        if labels.recording_id != recording.id:
            raise Problem(422, f"The labels {labels.name} are of another recording than {recording.name}.")
        words = {"id": labels.id, "file": labels.file, "name": labels.name}
        examples.append({"recording": recording_words(recording), "labels": words})
    return {
        "name": wanted.name,
        "base": base,
        "recordings": examples,
        "config": {"passes": wanted.passes, "seed": wanted.seed},
    }


def _starter() -> ShownModel:
    card = ModelCard.model_validate(starter_card())
    return ShownModel(id=STARTER, name=card.name, card=card, created_at=None)


def _shown(row: Model) -> ShownModel:
    return ShownModel(id=row.id, name=row.name, card=ModelCard.model_validate(row.card), created_at=row.created_at)
