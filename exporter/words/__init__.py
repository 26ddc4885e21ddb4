"""What a person is told of jobs, wherever it is shown: the status page and the command line say it alike. Pure."""
