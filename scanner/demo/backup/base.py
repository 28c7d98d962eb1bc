"""What all groups of backup calls share: typed access to parameters and to the backend."""

from moto.backup.responses import BackupResponse

from scanner.demo.backup.backend import DemoBackupBackend, backend_of


class Operations(BackupResponse):
    """A group of calls; parameters are read by the names of the API's model."""

    def __init__(self) -> None:
        super().__init__()
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> DemoBackupBackend:
        """The backend of the caller's account and Region."""
        return backend_of(self.current_account, self.region)
