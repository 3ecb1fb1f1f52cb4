"""`spindle remote`: a web service, used from a terminal or a script; its commands are the modules of this package."""

from latentia.command_line.program import Program

PROGRAM = Program(
    name="spindle remote",
    summary="Use a web service of SPINDLE from here: upload, score, download.",
    commands={
        "login": "say which service is meant, and keep a token for it",
        "logout": "forget the service and the token",
        "upload": "send recordings; what was interrupted goes on",
        "list": "list the recordings that are there",
        "score": "have recordings scored",
        "download": "get the results of recordings",
        "jobs": "list the jobs, and how far they are",
        "cancel": "stop a job",
    },
    package="spindle.commands.remote",
)
