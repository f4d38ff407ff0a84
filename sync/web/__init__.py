"""What answers over HTTP: webhooks, health. Imported by `milepost serve` alone; needs the extra `serve`."""
