"""python-tuf's own client on every stage of every case that cases.py made.

    python client.py URL OUT

writes a list: for each stage what was wrong, or null.
"""

import datetime, json, os, sys
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater

url, out = sys.argv[1:]
results = []
for case in json.load(open(out + "/cases.json")):
    known = out + "/known/" + case["name"]
    os.makedirs(known)
    first = open(f"{out}/{case['name']}/first.json", "rb").read()
    for number, stage in enumerate(case["stages"]):
        base = f"{url}/{case['name']}/{number}/"
        try:
            updater = Updater(known, base, known, base + "targets/", bootstrap=first)
            updater._trusted_set.reference_time = datetime.datetime.fromtimestamp(stage["at"], datetime.timezone.utc)
            updater.refresh()
            target = updater.get_targetinfo("trusted_root.json")
            if target is not None:
                updater.download_target(target, known + "/target")
            said = None if target is not None else "not found"
        except (DownloadError, RepositoryError, ValueError) as error:
            said = f"{type(error).__name__} {error}"
        results.append(said)
json.dump(results, sys.stdout)
