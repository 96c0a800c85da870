"""Several processes as one job: ranks, collectives, rendezvous."""
