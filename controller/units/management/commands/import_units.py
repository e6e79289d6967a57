"""`manage import_units`: the tree of units, from the committed facts."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from controller.units import services


class Command(BaseCommand):
    help = "Load administrative units and their successions; may be repeated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--root", help="only this province, by its code: 79")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(str(services.load(options["root"])))
