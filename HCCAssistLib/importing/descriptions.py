"""Free text of a header without what may name a person: the words of radiology that are known, and nothing else."""

from __future__ import annotations

import re

_LINES = (
    "abd abdo abdomen abdominal abdpelv abdpelvis adrenal aorta body chest foie head hepat hepatic hepatique",
    "kidney kidneys leber liver lung pancreas pelvis renal spleen thorax upper",
    "ap art artere arterial arteriel arteriell arterielle arteriosa basal biphase biphasic biphasique c contrast",
    "contraste del delay delayed dp dry early enh enhanced equil equilibre equilibrio equilibrium excretory fase",
    "gad gd hap hb hbp hepatobiliaire hepatobiliary iv km kontrast lap late multiphase nach nativ nativa native",
    "nativo nc ncct nephrographic no non nonenhanced ohne parenchymal phase phases plain portal portale",
    "portalvenos portalvenous porto portoveinous portovenous post pre precoce precontrast pv pvp sans sin spaet",
    "spaetarteriell tard tardia tardif tardive tp transitional triphase triphasic triphasique unenhanced veineux",
    "ven venoes venos venosa venous vor vp w wc with without wo",
    "adc ax axial axiale bolus breath breathhold cap cect cor coronal ct diffusion dixon dose dual dwi dynamic",
    "dynamique fast fat fatsat fiesta flash fov fs full haste in lava loc localizer mip monitoring mono mpr mr",
    "mrcp mri oblique opp oral out p perfusion phasic planning premonitoring quad raw recon reconstruction",
    "routine run sag sagittal scan scout screen series smartprep soft st standard std sub subtracted subtraction",
    "survey test thick thin thins tissue topogram tra transversal trufi vibe vol volume water weighted",
    "ablation after baseline before embolisation embolization follow followup hepatectomy mwa operation resection",
    "rfa surgery tace therapy treatment arter hepatobil transition subtract",  # the last ones as parts of words
    "and con et mit of the und",
)
_WORDS = frozenset(word for line in _LINES for word in line.split())
_TOKEN = re.compile(
    r"(?P<measure>(?<![\d.,])\d{1,3}(?:[.,]\d{1,2})?\s?(?:mm|sec|s|min)(?![^\W_]))|(?P<t1>(?<![^\W_])t[12](?![^\W_]))"
    r"|(?P<word>[^\W\d_]+)|(?P<other>[^\W_]+)"
)
_QUOTED = re.compile(r"""(['"])(.*?)\1""")
UNKNOWN = "?"


def known_words(text: str) -> str:
    """The known words and measures of a text, in small letters; whatever stands between them is one ``?``.

    >>> known_words("Arterial LIVER 3.0 mm, Maria Muster *12.05.1960")
    'arterial liver 3.0 mm ?'
    """
    found: list[str] = []
    for token in _TOKEN.finditer(text.lower()):
        is_known = token.lastgroup in ("measure", "t1") or token[0] in _WORDS
        word = token[0] if is_known else UNKNOWN
        if word != UNKNOWN or found[-1:] != [UNKNOWN]:
            found.append(word)
    return " ".join(found)


def without_unknown(sentence: str) -> str:
    """A sentence of evidence in which quoted words that are not known are left out.

    >>> without_unknown("series description: 'art', 'tardelli': unknown")
    "series description: 'art', '?': unknown"
    """
    return _QUOTED.sub(lambda quoted: f"{quoted[1]}{known_words(quoted[2])}{quoted[1]}", sentence)
